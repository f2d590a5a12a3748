module github.com/weirkit/weir/tools

go 1.26.0
