module github.com/weirkit/weir/examples

go 1.26.0

replace github.com/weirkit/weir => ..
