module github.com/weirkit/weir/internal/modeltest

go 1.26.0

replace github.com/weirkit/weir => ../..
