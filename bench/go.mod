module github.com/weirkit/weir/bench

go 1.26.0

replace github.com/weirkit/weir => ..
