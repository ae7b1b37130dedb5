/* Stands in for an unwinder, which the standard library asks for the callers of a panic. A panic aborts and the binary
 * has no unwinding tables, so that a real one would not find its way either: there are no callers. */

int _Unwind_Backtrace(int (*visit)(void *, void *), void *argument)
{
    (void)visit;
    (void)argument;
    return 5; /* the end of the stack */
}

unsigned long _Unwind_GetIP(void *context)
{
    (void)context;
    return 0;
}
