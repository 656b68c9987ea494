// Package joinedtest has a VFS of SQLite that counts and spoils what is written, for tests of what
// writes over it.
package joinedtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Disk is SQLite's default VFS under another name. It is there until the process ends.
type Disk struct {
	Name string

	mu     sync.Mutex
	writes [2]int
	before func(Op) (done int, rc int32)
}

// Act is what SQLite does with a file.
type Act string

// Acts that are seen. Publish is what a connection does, among other times, while it publishes a
// commit in the wal-index.
const (
	Write    Act = "write"
	Sync     Act = "sync"
	Truncate Act = "truncate"
	Publish  Act = "publish"
)

// Op is an act on a database, or on its WAL.
type Op struct {
	Act  Act
	WAL  bool
	At   int64  // where it writes, or the size after it truncates
	Data []byte // what it writes; valid during the call
}

// New registers a disk.
func New() (*Disk, error) {
	number := counter.Add(1)
	d := &Disk{Name: fmt.Sprint("parley-test-", number)}
	tls := libc.NewTLS()
	defer tls.Close()
	name, err := libc.CString(d.Name)
	if err != nil {
		return nil, err
	}
	lower := lib.Xsqlite3_vfs_find(tls, 0)
	p := lib.Xsqlite3_malloc(tls, int32(unsafe.Sizeof(vfs{})))
	if lower == 0 || p == 0 {
		return nil, fmt.Errorf("there is no default VFS (%d), or no memory", lower)
	}
	v := at[vfs](p)
	*v = vfs{Tsqlite3_vfs: *at[lib.Tsqlite3_vfs](lower), lower: lower, disk: number}
	disks.Store(v.disk, d)
	v.FszOsFile = int32(offset() + unsafe.Sizeof(file{}))
	v.FpNext, v.FzName, v.FxOpen = 0, name, pointer(open)
	if rc := lib.Xsqlite3_vfs_register(tls, p, 0); rc != lib.SQLITE_OK {
		return nil, fmt.Errorf("register a VFS: %d", rc)
	}
	return d, nil
}

var (
	counter atomic.Uint64
	disks   sync.Map // number → *Disk
)

// offset is where an open file has what this package keeps, behind what the default VFS keeps.
var offset = sync.OnceValue(func() uintptr {
	tls := libc.NewTLS()
	defer tls.Close()
	return (uintptr(at[lib.Tsqlite3_vfs](lib.Xsqlite3_vfs_find(tls, 0)).FszOsFile) + 15) / 16 * 16
})

// Before has do called before each act. do returns an error of SQLite, and how many bytes are to be
// written before it. With SQLITE_OK, all is done. nil: nothing is called.
func (d *Disk) Before(do func(Op) (done int, rc int32)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = do
}

// Writes returns how often something was written to WALs and to databases so far.
func (d *Disk) Writes() (wal, database int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes[1], d.writes[0]
}

func (d *Disk) sees(op Op) (done int, rc int32) {
	d.mu.Lock()
	if op.Act == Write && op.WAL {
		d.writes[1]++
	} else if op.Act == Write {
		d.writes[0]++
	}
	before := d.before
	d.mu.Unlock()
	if before == nil {
		return 0, lib.SQLITE_OK
	}
	return before(op)
}

type vfs struct {
	lib.Tsqlite3_vfs
	lower uintptr
	disk  uint64
}

type file struct {
	lib.Tsqlite3_io_methods
	lower uintptr
	disk  uint64
	wal   bool
}

func open(tls *libc.TLS, v, name, f uintptr, flags int32, outFlags uintptr) int32 {
	own := at[vfs](v)
	rc := method[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](at[lib.Tsqlite3_vfs](own.lower).FxOpen)(
		tls, own.lower, name, f, flags, outFlags)
	if rc != lib.SQLITE_OK || flags&(lib.SQLITE_OPEN_MAIN_DB|lib.SQLITE_OPEN_WAL) == 0 {
		return rc
	}
	base := at[lib.Tsqlite3_file](f)
	lower := base.FpMethods
	base.FpMethods = f + offset()
	added := of(f)
	*added = file{Tsqlite3_io_methods: *at[lib.Tsqlite3_io_methods](lower), lower: lower, disk: own.disk}
	added.wal = flags&lib.SQLITE_OPEN_WAL != 0
	added.FxWrite, added.FxSync, added.FxTruncate, added.FxShmBarrier = pointer(write), pointer(syncFile), pointer(truncate), pointer(barrier)
	return rc
}

func of(f uintptr) *file { return at[file](f + offset()) }

func (o *file) below() *lib.Tsqlite3_io_methods { return at[lib.Tsqlite3_io_methods](o.lower) }

func (o *file) sees(op Op) (done int, rc int32) {
	d, _ := disks.Load(o.disk)
	op.WAL = o.wal
	return d.(*Disk).sees(op)
}

func write(tls *libc.TLS, f, data uintptr, n int32, offset int64) int32 {
	o := of(f)
	done, failed := o.sees(Op{Act: Write, At: offset, Data: unsafe.Slice(at[byte](data), n)})
	if failed != lib.SQLITE_OK {
		n = int32(done)
	}
	rc := method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](o.below().FxWrite)(tls, f, data, n, offset)
	if failed != lib.SQLITE_OK {
		return failed
	}
	return rc
}

func syncFile(tls *libc.TLS, f uintptr, flags int32) int32 {
	o := of(f)
	if _, rc := o.sees(Op{Act: Sync}); rc != lib.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, int32) int32](o.below().FxSync)(tls, f, flags)
}

func truncate(tls *libc.TLS, f uintptr, size int64) int32 {
	o := of(f)
	if _, rc := o.sees(Op{Act: Truncate, At: size}); rc != lib.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, int64) int32](o.below().FxTruncate)(tls, f, size)
}

func barrier(tls *libc.TLS, f uintptr) {
	o := of(f)
	o.sees(Op{Act: Publish})
	method[func(*libc.TLS, uintptr)](o.below().FxShmBarrier)(tls, f)
}

// These three are as in package joined.

func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

func method[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }
