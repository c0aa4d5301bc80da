/*
 * Envelope addresses, reply codes.
 *
 * Contract: pure functions over slices, nothing allocated.
 */
#ifndef MTAQ_ADDR_H
#define MTAQ_ADDR_H

#include <mtaq/slice.h>

#include <stdbool.h>

/* "<a@b>" -> "a@b"; anything not in one pair of brackets stays as it is ("<a>,<b>"). */
struct slice addr_strip(struct slice s);
/* After the last '@' outside quotes (a quote that never ends quotes nothing); none (p == NULL) when
 * there is no
 * '@'. A final dot is dropped. */
struct slice addr_domain(struct slice addr);
/* Local parts byte for byte, domains without case. */
bool addr_eq(struct slice a, struct slice b);
/* What people type as WHO: without case all over. "@domain" matches the domain; "<>" the null
 * senders ("", MAILER-DAEMON). Brackets around either are ignored; an empty WHO matches nothing (an
 * unset shell variable must not mean every bounce). Regular expressions are not handled here. */
bool addr_matches_who(struct slice addr, struct slice who);
/* Null reverse-path: "", "<>", or MAILER-DAEMON in any case. A missing address (p == NULL) is not
 * one. */
bool addr_is_null(struct slice addr);

/* The SMTP reply code in a delivery status ("Deferred: 452 4.2.2 <x>... full", "Remote host said:
 * 451 4.7.1 ..."): three digits 2-5xx that stand as a word where a server's answer begins; none
 * when there is none. */
struct slice reply_code(struct slice status);
/* The RFC 3463 enhanced code ("4.2.2", also as "(#4.4.1)"); none when there is none. */
struct slice reply_dsn(struct slice status);

#endif
