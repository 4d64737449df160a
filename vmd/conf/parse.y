/* SPDX-License-Identifier: ISC */
/*
 * The grammar of vm.conf(5).  Runs in the parent and in vmd -n.  It builds a
 * plain tree through the conf_*() calls and has no effect but that; options of
 * one word and one value are rows in conf_option.c.  Strings belong to the
 * parser's stack until an action hands them on.
 */
%code requires {
#include "conf/conf_parser.h"
}

%code provides {
int conf_yylex(CONF_YYSTYPE *, struct conf_parser *);
}

%code {
static void conf_yyerror(struct conf_parser *, const char *);
}

%define api.pure full
%define api.prefix {conf_yy}
%define api.token.prefix {T_}
%param { struct conf_parser *p }

%union {
	char *text;
	const struct conf_option *option;
}

%token ALLOW BOOT CRASH DEBUG DEVICE DISABLE DISK DOWN ENABLE FORMAT GDB INCLUDE
%token INTERFACE LLADDR OWNER SOCKET STOP UP VM
%token UNSUPPORTED	/* OpenBSD's, not this version's: never in a rule */
%token BAD		/* the lexer has said why */
%token <option> SCALAR
%token <text> STRING QUOTED
%type <text> string quoted format nictype crashmax
%destructor { free($$); } <text>

%%

file:
	  %empty
	| file '\n'
	| file statement '\n'
	| file error	{
		yyclearin;
		yyerrok;
		if (!conf_lex_skip(p, 0))
			YYABORT;
	}
	;

statement:
	  STRING '=' string	{ conf_macro_define(p, $1, $3); }
	| INCLUDE string	{ conf_source_include(p, $2); free($2); }
	| SOCKET OWNER string	{
		conf_check_owner(p, &p->conf->socket_owner, $3);
	}
	| vmname '{' vmoptions '}'	{ conf_vm_end(p); }
	;

vmname:
	  VM string	{ conf_vm_begin(p, $2); }
	;

vmoptions:
	  %empty
	| vmoption
	| vmoptions separator
	| vmoptions separator vmoption
	;

vmoption:
	  SCALAR string		{ conf_option_set(p, $1, $2); }
	| BOOT string		{
		conf_option_set(p, conf_option_find("boot"), $2);
	}
	| BOOT DEVICE DISK	{ p->vm->boot_disk = true; }
	| ALLOW STRING		{ conf_vm_allow(p, $2); }
	| CRASH STRING string crashmax	{
		conf_vm_crash(p, $2, $3, $4);
	}
	| ENABLE		{ p->vm->disabled = false; }
	| DISABLE		{ p->vm->disabled = true; }
	| OWNER string		{ conf_check_owner(p, &p->vm->owner, $2); }
	| DISK string format	{ conf_vm_disk(p, $2, $3); }
	| nic nicblock		{ conf_vm_nic_end(p); }
	| DEBUG '{' debugoptions '}'
	| error	{
		yyclearin;
		yyerrok;
		if (!conf_lex_skip(p, 1))
			YYABORT;
	}
	;

/* "dump" and "max" are words here alone, and names elsewhere. */
crashmax:
	  %empty		{ $$ = NULL; }
	| STRING STRING		{ $$ = conf_vm_crash_max(p, $1, $2); }
	;

format:
	  %empty		{ $$ = NULL; }
	| FORMAT string		{ $$ = $2; }
	;

nic:
	  INTERFACE nictype	{ conf_vm_nic_begin(p, $2); }
	;

nictype:
	  %empty		{ $$ = NULL; }
	| string
	;

nicblock:
	  %empty
	| '{' nicoptions '}'
	;

nicoptions:
	  %empty
	| nicoption
	| nicoptions separator
	| nicoptions separator nicoption
	;

nicoption:
	  LLADDR string		{ conf_vm_nic_lladdr(p, $2); }
	| UP			{ p->nic.down = false; }
	| DOWN			{ p->nic.down = true; }
	| error	{
		yyclearin;
		yyerrok;
		if (!conf_lex_skip(p, 2))
			YYABORT;
	}
	;

debugoptions:
	  %empty
	| debugoption
	| debugoptions separator
	| debugoptions separator debugoption
	;

debugoption:
	  GDB			{ conf_vm_debug(p, DEBUG_GDB); }
	| GDB STOP		{ conf_vm_debug(p, DEBUG_GDB | DEBUG_STOP); }
	| error	{
		yyclearin;
		yyerrok;
		if (!conf_lex_skip(p, 2))
			YYABORT;
	}
	;

separator:
	  '\n'
	| ','
	;

/* Strings in quotes join; bare words do not, "cpus 2 4" is no 24. */
string:
	  STRING
	| quoted
	;

quoted:
	  QUOTED
	| quoted QUOTED	{ $$ = conf_lex_join(p, $1, $2); }
	;

%%

static void
conf_yyerror(struct conf_parser *p, const char *msg)
{
	if (p->last == T_UNSUPPORTED)
		conf_error(p, "'%s' is not supported in this version",
		    p->word);
	else if (!p->lex_failed)
		conf_error(p, "%s", msg);
	p->lex_failed = false;
}
