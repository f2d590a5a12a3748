package semaphore

import "github.com/weirkit/weir/internal/rejection"

// The sentinels are rejections: no permit was taken and nothing ran. Each has
// Rejected() bool and RetryAfter() time.Duration, which is 0: unknown.
var (
	// ErrTooLarge is returned when a request exceeds the limit, so that no wait
	// could ever help: at once, or out of the queue when SetLimit made it so.
	ErrTooLarge = rejection.New("semaphore: request exceeds the limit")

	// ErrQueueFull is returned when as many callers wait as MaxWaiters allows.
	// Under LIFO it goes to the one that waits longest.
	ErrQueueFull = rejection.New("semaphore: too many waiters")

	// ErrWaitTimeout is returned when a caller waited as long as MaxWait allows.
	ErrWaitTimeout = rejection.New("semaphore: waited too long")

	// ErrTooManyKeys is returned by a Keyed when as many keys are in use as
	// MaxKeys allows and another one comes.
	ErrTooManyKeys = rejection.New("semaphore: too many keys")

	// ErrClosed is returned after Close, also to those who waited then.
	ErrClosed = rejection.New("semaphore: closed")
)

// ours reports whether err is a sentinel of this package, as it is.
func ours(err error) bool {
	//nolint:errorlint // identity is the question: a cause may wrap anything
	return err == ErrTooLarge || err == ErrQueueFull || err == ErrWaitTimeout || err == ErrClosed || err == ErrTooManyKeys
}
