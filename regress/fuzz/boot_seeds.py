#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Writes the seeds of fuzz_elf, fuzz_bzimage, fuzz_multiboot and fuzz_fwcfg to corpus/.

Small files that load: a fuzzer's mutations of them get behind the first checks.
"""
import gzip
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(target, name, content):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(content)


def note(name, kind, desc):
    pad = lambda b: b + b"\0" * (-len(b) % 4)
    return struct.pack("<III", len(name), len(desc), kind) + pad(name) + pad(desc)


def multiboot(flags, *addresses):
    magic = 0x1BADB002
    return struct.pack("<III", magic, flags, -(magic + flags) & 0xFFFFFFFF) + struct.pack(
        "<%dI" % len(addresses), *addresses)


def elf64(notes, body):
    offset = 64 + 2 * 56
    text = offset + len(notes)
    ident = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x200000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, text, 0xFFFFFFFF80200000, 0x200000, len(body), 0x1000, 4096)
    second = struct.pack("<IIQQQQQQ", 4, 4, offset, 0, 0, len(notes), len(notes), 4)
    return header + load + second + notes + body


def elf32(body):
    text = 52 + 32
    ident = b"\x7fELF\x01\x01\x01" + b"\0" * 9
    header = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0xC0200000, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    load = struct.pack("<IIIIIIII", 1, text, 0xC0200000, 0x200000, len(body), 0x2000, 7, 4096)
    return header + load + body


def bzimage(version, xloadflags, code):
    b = bytearray(1024)
    b[0x1F1] = 1
    struct.pack_into("<I", b, 0x1F4, len(code) // 16)
    struct.pack_into("<HBB4sH", b, 0x1FE, 0xAA55, 0xEB, 0x66, b"HdrS", version)
    b[0x211] = 1
    struct.pack_into("<IIBBHI", b, 0x22C, 0x7FFFFFFF, 0x200000, 1, 21, xloadflags, 2047)
    struct.pack_into("<QI", b, 0x258, 0x400000, 0x10000)
    return bytes(b) + code


def access(port, kind, value=0, spare=0, top=0):
    return struct.pack("<BBBBI", port, kind, spare, top, value)


def accesses(*steps, memory=b""):
    return b"".join(steps).ljust(512, b"\0") + memory


READ = 0x40
code = b"\xf4" * 64
write("elf", "pvh", elf64(note(b"Xen\0", 18, struct.pack("<I", 0x200000)), code))
write("elf", "pvh-two-notes", elf64(
    note(b"GNU\0", 3, b"12345") + note(b"Xen\0", 18, struct.pack("<Q", 0x200010)), code))
write("elf", "pvh.gz", gzip.compress(
    elf64(note(b"Xen\0", 18, struct.pack("<I", 0x200000)), code), 9, mtime=0))
write("elf", "multiboot32", elf32(multiboot(3) + code))
write("bzimage", "long", bzimage(0x020F, 1, code * 16))
write("bzimage", "protected", bzimage(0x0209, 0, code))
write("multiboot", "image", multiboot(
    0x10003, 0x100000, 0x100000, 0x100060, 0x101000, 0x100020) + code)
write("multiboot", "rest-of-file", b"\0" * 64 + multiboot(
    0x10000, 0x100040, 0x100000, 0, 0, 0x100060) + code)
# Ports: bits 2:0 choose a chip, 6:3 the register; see fuzz_fwcfg.c.
write("fwcfg", "directory", accesses(
    access(0, 1, 0x19), *[access(0 | 1 << 3, READ)] * 40))
write("fwcfg", "dma", accesses(
    access(7, 2, 0), access(7 | 4 << 3, 2, 0x10000000), access(7, READ | 3),
    memory=b"\0" * 16 + struct.pack(">IIQ", 0x190002 | 8, 64, 0x100)))
write("fwcfg", "uart", accesses(
    access(1 | 2 << 3, 0, 1), access(1 | 1 << 3, 0, 15), access(1, 0x10 | READ, spare=5),
    access(1 | 4 << 3, 0, 0x1F), access(1, 0, 65), access(1 | 5 << 3, READ), access(1 | 2 << 3, READ)))
write("fwcfg", "clocks", accesses(
    access(2, 1, 0x720B), access(2, 0x20, 0x0C, 255), access(2 | 1 << 3, READ), access(2, 1, 0x3205),
    access(3 | 2 << 3, 1, 1), access(3 | 8 << 3, READ | 2), access(3 | 4 << 3, 1, 0x3400)))
