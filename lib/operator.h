#ifndef OPERATOR_H
#define OPERATOR_H

/*
 * What the program login does as a command, for the operator: accounts,
 * passwords, lost second factors, sessions of others.  It reaches the
 * database by the libpq environment, with the owner's rights; the role
 * desk_login has none of the functions that it calls.
 */

/* Do what the arguments say; returns the exit status of the process. */
int operator_main(int argc, char **argv);

#endif
