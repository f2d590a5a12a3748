package ratelimit

// mustHave panics where a function to run is nil, before anything is taken for it.
func mustHave(ok bool) {
	if !ok {
		panic("ratelimit: fn must not be nil")
	}
}

// mustBeMade panics where a zero value is used that a constructor should have made.
func mustBeMade(ok bool, name, by string) {
	if !ok {
		panic("ratelimit: the " + name + " was not made; use " + by)
	}
}
