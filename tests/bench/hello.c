/*
 * hello - the least that a FastCGI program can do: the yardstick of
 * tests/bench.  Whatever our pages take beyond this is ours.
 */
#include <fcgiapp.h>

int
main(void)
{
	FCGX_Request r;

	FCGX_Init();
	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) == 0) {
		FCGX_PutS("Content-Type: text/plain\r\n"
			  "Content-Length: 13\r\n\r\nHello, world\n",
		    r.out);
		FCGX_Finish_r(&r);
	}
	return 0;
}
