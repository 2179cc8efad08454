import Glibc
import Platform
import TestKit
import Testing

@testable import Storage

struct FileLockTests {
    @Test("two locks in one process exclude each other, and the second names the holder")
    func exclusion() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lock"
        var first: FileLock? = try FileLock(path, holder: "the first", deadline: .zero)
        #expect(throws: FileLockError.held(path: path, holder: "the first")) {
            try FileLock(path, holder: "the second", deadline: .milliseconds(30))
        }
        #expect(first?.path == path)
        first = nil
        _ = try FileLock(path, holder: "the third", deadline: .zero)
    }

    @Test("taking a lock waits up to the deadline")
    func waiting() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lock"
        let first = Monitor<FileLock?>(try FileLock(path, holder: "the first", deadline: .zero))
        let waiter = NamedThread("waiter") {
            first.withLock { $0 = nil }
        }
        _ = try FileLock(path, holder: "the second", deadline: .seconds(20))
        waiter.join()
    }

    @Test("unlike with fcntl, closing another descriptor of the file does not release the lock")
    func otherDescriptor() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lock"
        let first = try FileLock(path, holder: "the first", deadline: .zero)
        close(open(path, O_RDONLY))
        #expect(throws: FileLockError.self) { try FileLock(path, holder: "x", deadline: .zero) }
        withExtendedLifetime(first) {}
    }

    @Test("a missing folder is a disk error")
    func noFolder() {
        #expect(throws: FileLockError.disk(DiskError(call: "open", path: "/nowhere/lock", errno: ENOENT))) {
            try FileLock("/nowhere/lock", holder: "x", deadline: .zero)
        }
    }
}

extension FileLockTests {
    @Test("a lock whose file was removed or replaced excludes nobody: the next one takes the file at the path")
    func replacedFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lock"
        let first = try FileLock(path, holder: "the first", deadline: .zero)
        #expect(unlink(path) == 0)
        let second = try FileLock(path, holder: "the second", deadline: .zero)
        #expect(throws: FileLockError.held(path: path, holder: "the second")) {
            try FileLock(path, holder: "the third", deadline: .zero)
        }
        withExtendedLifetime((first, second)) {}
    }

    @Test("a file that is removed or replaced between its opening and its locking is not locked")
    func replacedAfterOpening() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lock"
        let fd = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(fd) }
        #expect(FileLock.lock(fd, at: path) == 0)
        #expect(unlink(path) == 0)
        #expect(FileLock.lock(fd, at: path) == ESTALE)
        _ = try FileLock(path, holder: "the replacement", deadline: .zero)
        #expect(FileLock.lock(fd, at: path) == ESTALE)
    }

    @Test("if the file is replaced during the wait, the new file is locked")
    func replacedWhileWaiting() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lock"
        // A descriptor of the file that is removed below, which holds its lock.
        let removed = open(path, O_RDWR | O_CREAT, 0o600)
        #expect(flock(removed, LOCK_EX) == 0)
        let isFree = Monitor(false)
        let remover = NamedThread("remover") {
            // The waiter below has opened the old file by then, or opens the new one; either way it locks the new one.
            unlink(path)
            close(removed)
            isFree.withLock { $0 = true }
            isFree.wakeAll()
        }
        let lock = try FileLock(path, holder: "the waiter", deadline: .seconds(20))
        remover.join()
        #expect(throws: FileLockError.held(path: path, holder: "the waiter")) {
            try FileLock(path, holder: "another", deadline: .zero)
        }
        withExtendedLifetime(lock) {}
    }
}
