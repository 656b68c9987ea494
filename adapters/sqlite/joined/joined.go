// Package joined makes one write of the many that SQLite makes to its WAL for a commit.
//
// SQLite gives its VFS each page of a commit in two writes, 24 bytes of frame header and the page.
// In the WAL file they follow one another. The VFS of this package wraps another one: it holds such
// writes back, and gives them to the file together.
//
// This is safe because nobody reads a frame before SQLite has published it in the wal-index. It
// does so after the frames of a commit are written, and, with synchronous=FULL, synced.
//   - The last frame of a commit has a mark in its header. The write that completes it also writes
//     all that is held. So nothing is held when SQLite publishes a commit, not even with
//     synchronous=NORMAL, where there is no sync before.
//   - A write that fails is an error of the call that had to make it: a later write, a sync, or a
//     read. What it could not write stays held, and the next call tries it again. So no later
//     commit of the transaction can succeed without it.
//   - Before the connection reads the file, syncs it, asks for its size or truncates it, all that
//     is held is written.
//   - A transaction that is larger than the cache writes frames before its commit. If it is rolled
//     back, they count for nothing. What is held of them is dropped before another connection can
//     have the lock for writing.
//
// A process that is killed loses what it holds, which belongs to no commit that was acknowledged.
//
// About VFSes, frames and locks read https://sqlite.org/vfs.html,
// https://sqlite.org/fileformat2.html#walformat and https://sqlite.org/walformat.html#locks.
package joined

import (
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// VFS returns the name of the VFS that wraps SQLite's default one. The first call registers it.
func VFS() (name string, err error) { return overDefault() }

var overDefault = sync.OnceValues(func() (string, error) {
	const name = "parley-joined"
	return name, Register(name, "")
})

// Register registers a VFS that wraps the one with the name lower, for as long as the process
// lives.
func Register(name, lower string) error {
	tls := libc.NewTLS()
	defer tls.Close()
	var below uintptr
	if lower != "" {
		var err error
		if below, err = libc.CString(lower); err != nil {
			return err
		}
		defer libc.Xfree(tls, below)
	}
	found := lib.Xsqlite3_vfs_find(tls, below)
	if found == 0 {
		return fmt.Errorf("SQLite has no VFS %q", lower)
	}
	return wrap(tls, name, found)
}

// vfs is a sqlite3_vfs with what this package adds. All its methods but xOpen are the lower VFS's.
// They find that one's data in it, by pAppData.
type vfs struct {
	lib.Tsqlite3_vfs
	lower  uintptr // the lower sqlite3_vfs
	offset uintptr // of a file, behind what the lower VFS keeps for an open file
}

func wrap(tls *libc.TLS, name string, lower uintptr) error {
	cname, err := libc.CString(name)
	if err != nil {
		return err
	}
	p := lib.Xsqlite3_malloc(tls, int32(unsafe.Sizeof(vfs{})))
	if p == 0 {
		return fmt.Errorf("no memory for the VFS %q", name)
	}
	const alignment = 16
	v := at[vfs](p)
	*v = vfs{Tsqlite3_vfs: *at[lib.Tsqlite3_vfs](lower), lower: lower}
	v.offset = (uintptr(v.FszOsFile) + alignment - 1) / alignment * alignment
	v.FszOsFile = int32(v.offset + unsafe.Sizeof(file{}))
	v.FpNext, v.FzName, v.FxOpen = 0, cname, pointer(open)
	if rc := lib.Xsqlite3_vfs_register(tls, p, 0); rc != lib.SQLITE_OK {
		return fmt.Errorf("register the VFS %q: error %d of SQLite", name, rc)
	}
	return nil
}

// file is what this package keeps for an open file. It begins with the methods that SQLite calls:
// those of the lower VFS, with some of ours.
type file struct {
	lib.Tsqlite3_io_methods
	lower uintptr // the lower VFS's methods
	pair  uintptr // of a database: its WAL's sqlite3_file, if one is open; of a WAL: the database's

	// Of a WAL: what is held, in whole frames but for the last one.
	held   uintptr // memory for limit bytes; 0: none yet
	size   int     // how many of them are held
	at     int64   // where they belong in the file
	page   int     // the size of the last page
	marked bool    // the last header that is held has the mark of a commit
}

const (
	frameHeader = lib.WAL_FRAME_HDRSIZE
	// limit is how many bytes are held at most. SQLite's VFS for unix cannot write 128 KiB at once.
	limit = 31 * (frameHeader + 4096)
)

// of returns what this package keeps for a sqlite3_file.
func of(f uintptr) *file { return at[file](at[lib.Tsqlite3_file](f).FpMethods) }

func (w *file) below() *lib.Tsqlite3_io_methods { return at[lib.Tsqlite3_io_methods](w.lower) }

func open(tls *libc.TLS, v, name, f uintptr, flags int32, outFlags uintptr) int32 {
	own := at[vfs](v)
	rc := method[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](at[lib.Tsqlite3_vfs](own.lower).FxOpen)(
		tls, own.lower, name, f, flags, outFlags)
	base := at[lib.Tsqlite3_file](f)
	if rc != lib.SQLITE_OK || flags&(lib.SQLITE_OPEN_MAIN_DB|lib.SQLITE_OPEN_WAL) == 0 {
		return rc
	}
	lower := base.FpMethods
	base.FpMethods = f + own.offset
	added := of(f)
	*added = file{Tsqlite3_io_methods: *at[lib.Tsqlite3_io_methods](lower), lower: lower}
	if flags&lib.SQLITE_OPEN_MAIN_DB != 0 {
		if added.FiVersion >= 2 { // else it has no locks of a wal-index
			added.FxShmLock = pointer(shmLock)
		}
		return rc
	}
	added.pair = lib.Xsqlite3_database_file_object(tls, name)
	of(added.pair).pair = f
	added.FxWrite, added.FxClose = pointer(write), pointer(closeWAL)
	added.FxRead, added.FxSync, added.FxTruncate, added.FxFileSize = pointer(read), pointer(syncWAL), pointer(truncate), pointer(fileSize)
	return rc
}

// write holds back a frame header that does not end a commit, and what follows it. It writes
// everything else. SQLite also writes headers in the middle of the file, when it changes pages that
// a transaction has written before. It reads before each of these, so that nothing is held and the
// last one, which has the mark, is written.
func write(tls *libc.TLS, f, data uintptr, n int32, offset int64) int32 {
	w := of(f)
	need, header := int(n), n == frameHeader
	if header {
		need += w.page // they are held together, or not at all
	} else {
		w.page = need
	}
	follows := w.size > 0 && offset == w.at+int64(w.size)
	if !follows || w.size+need > limit {
		if rc := w.flush(tls, f); rc != lib.SQLITE_OK {
			return rc
		}
	}
	marked := header && *at[[4]byte](data + 4) != [4]byte{}
	if hold := w.size > 0 || header && (follows || !marked); !hold || need > limit || !w.has(tls) {
		return w.write(tls, f, data, n, offset)
	}
	if w.size == 0 {
		w.at = offset
	}
	copy(unsafe.Slice(at[byte](w.held), limit)[w.size:], unsafe.Slice(at[byte](data), n))
	w.size += int(n)
	ends := w.marked
	w.marked = marked
	if ends {
		return w.flush(tls, f)
	}
	return lib.SQLITE_OK
}

// has reports whether there is memory to hold something.
func (w *file) has(tls *libc.TLS) bool {
	if w.held == 0 {
		w.held = lib.Xsqlite3_malloc(tls, limit)
	}
	return w.held != 0
}

// flush writes what is held. If that fails, it stays held.
func (w *file) flush(tls *libc.TLS, f uintptr) int32 {
	if w.size == 0 {
		return lib.SQLITE_OK
	}
	rc := w.write(tls, f, w.held, int32(w.size), w.at)
	if rc == lib.SQLITE_OK {
		w.drop()
	}
	return rc
}

func (w *file) drop() { w.size, w.marked = 0, false }

func (w *file) write(tls *libc.TLS, f, data uintptr, n int32, offset int64) int32 {
	return method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](w.below().FxWrite)(tls, f, data, n, offset)
}

func read(tls *libc.TLS, f, data uintptr, n int32, offset int64) int32 {
	w := of(f)
	if rc := w.flush(tls, f); rc != lib.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](w.below().FxRead)(tls, f, data, n, offset)
}

func syncWAL(tls *libc.TLS, f uintptr, flags int32) int32 {
	w := of(f)
	if rc := w.flush(tls, f); rc != lib.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, int32) int32](w.below().FxSync)(tls, f, flags)
}

func truncate(tls *libc.TLS, f uintptr, size int64) int32 {
	w := of(f)
	if rc := w.flush(tls, f); rc != lib.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, int64) int32](w.below().FxTruncate)(tls, f, size)
}

func fileSize(tls *libc.TLS, f, size uintptr) int32 {
	w := of(f)
	if rc := w.flush(tls, f); rc != lib.SQLITE_OK {
		return rc
	}
	return method[func(*libc.TLS, uintptr, uintptr) int32](w.below().FxFileSize)(tls, f, size)
}

// closeWAL drops what is held: the connection has no lock for writing any more.
func closeWAL(tls *libc.TLS, f uintptr) int32 {
	w := of(f)
	lib.Xsqlite3_free(tls, w.held)
	of(w.pair).pair = 0
	return method[func(*libc.TLS, uintptr) int32](w.below().FxClose)(tls, f)
}

// shmLock locks or unlocks parts of the wal-index. A connection that gives up the lock for writing
// has committed, and then nothing is held, or has rolled back.
func shmLock(tls *libc.TLS, f uintptr, offset, n, flags int32) int32 {
	d := of(f)
	if offset == lib.WAL_WRITE_LOCK && flags&lib.SQLITE_SHM_UNLOCK != 0 && d.pair != 0 {
		of(d.pair).drop()
	}
	return method[func(*libc.TLS, uintptr, int32, int32, int32) int32](d.below().FxShmLock)(tls, f, offset, n, flags)
}

// at returns what is at an address in C's memory, as the code of package lib does.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// pointer returns a function as a pointer of C. The function must be one of the package, which the
// garbage collector does not free.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// method is the reverse of pointer.
func method[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }
