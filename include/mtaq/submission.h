/*
 * Who handed a message in, as the MTA itself wrote it down when it did.
 *
 * qmail-queue puts a Received field in front of every message: "(qmail 123 invoked by uid 1000)",
 * "by alias", "from network", "for bounce"; for mail from the network the next one is qmail-smtpd's
 * and has the client's address. sendmail keeps both in the macro `_`: "root@localhost",
 * "mx.example.org [192.0.2.7]", "IDENT:ann@mx.example.org [192.0.2.7] (may be forged)". Other
 * fields are the sender's word and are not believed.
 *
 * Contract: pure functions; the slices returned point into the arguments. `headers` are undecoded,
 * `underscore` is the value of sendmail's macro `_`, none where there is none. Nothing is guessed:
 * what is not told is none.
 */
#ifndef MTAQ_SUBMISSION_H
#define MTAQ_SUBMISSION_H

#include <mtaq/header.h>

#include <stdbool.h>
#include <stdint.h>

/* The client's address, IPv4 or IPv6 text without brackets; none for what was submitted on this
 * host without SMTP (127.0.0.1 is what a local SMTP client has). */
struct slice submission_relay_ip(const struct header_list *headers, struct slice underscore);
/* The user id that called qmail-queue; false when it is not told. */
bool submission_uid(const struct header_list *headers, int64_t *uid);
/* qmail: "uid 1000", "alias", "network", "bounce". sendmail: the user@host of `_`, which is the
 * calling user for a local submission and the client's ident answer otherwise. */
struct slice submission_submitter(const struct header_list *headers, struct slice underscore);

#endif
