#ifndef CSV_H
#define CSV_H

struct request;
struct rows;

/*
 * Send the rows as CSV: RFC 4180, UTF-8, a header line, every cell quoted,
 * CR LF line ends.  A text cell that a spreadsheet would take for a formula
 * (it begins with = + - @ TAB or CR) gets a ' in front; numbers do not.
 * Tagged like web_send_tagged().  Returns the status sent.
 */
int csv_send(struct request *, const struct rows *, const char *filename);

#endif
