package testkit

// CheckLeaks is what LeakProfile does with the profile.
var CheckLeaks = checkLeaks
