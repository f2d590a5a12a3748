package retry

// ExhaustedErrorOf makes the error of a call whose work ran.
func ExhaustedErrorOf(attempts int, last, cause error) *ExhaustedError {
	return &ExhaustedError{Attempts: attempts, Last: last, Cause: cause, ran: true}
}
