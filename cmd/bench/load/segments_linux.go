package load

import "golang.org/x/sys/unix"

// segments returns how many segments with data a socket has received.
func segments(fd int) int64 {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int64(info.Data_segs_in)
}
