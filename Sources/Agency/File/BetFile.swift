private import Glibc
import Platform
import Shell
import Storage

/// An open file of bets that detects changes.
struct BetFile {
    let path: String
    let stamp: FileStamp
    private let file: any DiskFile
    private let disk: any Disk

    /// Opens a file.
    ///
    /// - Throws: ``DiskError`` if it cannot be opened, ``BetFileChange`` if it changes meanwhile.
    init(_ path: String, on disk: any Disk) throws {
        let before = disk.stamp(path)
        file = try disk.open(path, .readOnly)
        guard let stamp = disk.stamp(path), stamp == before else {
            throw BetFileChange(path: path, what: "it is being written to")
        }
        self.path = path
        self.stamp = stamp
        self.disk = disk
    }

    /// Returns fewer bytes at the end of the file; blocks.
    func read(at offset: Int, byteCount: Int) throws(DiskError) -> [UInt8] {
        try file.read(at: offset, byteCount: byteCount)
    }

    /// Checks that the file and its size are unchanged.
    ///
    /// - Parameter readBytes: the file's size when its end was read.
    /// - Throws: ``BetFileChange``, ``DiskError``.
    func checkUnchanged(readBytes: Int) throws {
        guard let now = disk.stamp(path) else { throw BetFileChange(path: path, what: "it was removed or renamed") }
        let size = try file.size()
        if now.inode != stamp.inode { throw BetFileChange(path: path, what: "another file has taken its name") }
        for bytes in [readBytes, size, now.size] where bytes != stamp.size {
            let change = bytes > stamp.size ? "grown" : "shrunk"
            throw BetFileChange(path: path, what: "it has \(change) from \(stamp.size) to \(bytes) bytes")
        }
        if now.changed != stamp.changed { throw BetFileChange(path: path, what: "it was written to") }
    }
}

extension BetFile {
    /// Waits until two seconds have passed since the last write, if the file may be incomplete.
    ///
    /// A file may be incomplete if it is empty or its last line has no end. Blocks, but not for an older file. The check
    /// at the end of the file detects a change in the meantime.
    func waitUntilSettled() throws(DiskError) {
        let last = stamp.size == 0 ? [] : try read(at: stamp.size - 1, byteCount: 1)
        guard last != [UInt8(ascii: "\n")] else { return }
        let age = Int64(SystemCall.unixMilliseconds()) - stamp.changed / 1_000_000
        usleep(UInt32(max(0, 2000 - max(0, age)) * 1000))
    }
}

/// A change of the file since it was opened.
struct BetFileChange: ProgramError, Equatable, CustomStringConvertible {
    var path: String
    /// For example `it has grown from 10 to 20 bytes`.
    var what: String

    var exit: ProgramExit { .tryLater }

    var description: String {
        "\(path) changed while it was being read: \(what). This run did not finish the agency; run the same command "
            + "again once the file is complete"
    }
}
