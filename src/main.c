#include <stdio.h>

int main(void)
{
	puts("mtaq");
	return 0;
}
