# SPDX-License-Identifier: ISC
#
# The payload structures of include/vmd_msg.h as Markdown: a heading, the
# comment before the structure, a row per field with its comment.

function flush_note() { note = ""; in_note = 0 }

# A line of the header inside a structure: "type name; /* meaning */".
function field(line, prefix,    meaning, n) {
	meaning = ""
	if ((n = index(line, "/*")) > 0) {
		meaning = substr(line, n + 2)
		sub(/ *\*\/.*/, "", meaning)
		sub(/^ */, "", meaning)
		line = substr(line, 1, n - 1)
	}
	gsub(/^[ \t]+|[; \t]+$/, "", line)
	n = match(line, /[A-Za-z_0-9]+(\[[^]]*\])?$/)
	return sprintf("| %s%s | %s | %s |\n", prefix, substr(line, n),
	    substr(line, 1, n - 2), meaning)
}

/^struct msg_[a-z_]+ \{/ {
	printf "\n### %s\n\n", $2
	if (note != "")
		printf "%s\n\n", note
	printf "| field | type | meaning |\n|---|---|---|\n"
	inside = 1
	flush_note()
	next
}
inside && /^\}/ { inside = 0; next }
inside && /^\tstruct \{/ { inner = 1; count = 0; next }
inside && inner && /^\t\}/ {
	name = $2
	sub(/;/, "", name)
	for (i = 0; i < count; i++)
		printf "%s", field(held[i], name ".")
	inner = 0
	next
}
inside && inner { held[count++] = $0; next }
inside && NF > 0 { printf "%s", field($0, ""); next }

# A comment that ends right before a structure belongs to it.
/^\/\* --- / { flush_note(); next }
/^\/\*/ { note = ""; in_note = 1 }
in_note {
	text = $0
	gsub(/^[ \t]*\/?\*+\/?[ \t]*|[ \t]*\*\/$/, "", text)
	if (text != "")
		note = note (note == "" ? "" : " ") text
	if ($0 ~ /\*\/$/)
		in_note = 0
	next
}
/^(enum|#define|#include|#if)/ || NF == 0 { if ($0 !~ /^#define/) flush_note() }
