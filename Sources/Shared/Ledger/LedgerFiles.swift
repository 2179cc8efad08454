private import Glibc

/// The files of a draw, which no output may overwrite.
struct LedgerFiles {
    private let folder: DrawFolder?

    /// - Parameter folder: the data folder; if nil, only ledgers are recognised, by their first bytes.
    init(_ folder: DrawFolder?) {
        self.folder = folder
    }

    /// Checks that a path may be written.
    ///
    /// - Parameters:
    ///   - path: the path without symbolic links.
    ///   - name: the path as the user wrote it.
    /// - Throws: ``OutputError/belongsToDraw(path:what:)``.
    func check(path: String, name: String) throws(OutputError) {
        if let folder {
            if let what = Self.parts(of: folder).first(where: { Self.isSameFile($0.path, path) })?.what {
                throw .belongsToDraw(path: name, what: what)
            }
            if let draws = Self.real(folder.data.draws), path.hasPrefix(draws + "/") {
                throw .belongsToDraw(path: name, what: "in the folder of the draws")
            }
        }
        if Self.isLedger(path) { throw .belongsToDraw(path: name, what: "the ledger of a draw") }
    }

    /// Checks a descriptor's file, for example standard output redirected by a shell.
    ///
    /// - Throws: ``OutputError/belongsToDraw(path:what:)``.
    func check(descriptor: Int32, name: String) throws(OutputError) {
        guard let folder else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        for (path, what) in Self.parts(of: folder) {
            var other = stat()
            if stat(path, &other) == 0, other.st_dev == status.st_dev, other.st_ino == status.st_ino {
                throw .belongsToDraw(path: name, what: what)
            }
        }
    }

    private static func parts(of folder: DrawFolder) -> [(path: String, what: String)] {
        [
            (folder.ledger, "the ledger of the draw"), (folder.result, "the result of the draw"),
            (folder.winners, "the winners of the draw"),
            (folder.progress, "the progress of the draw"), (folder.data.lock, "the lock of the data folder"),
            (folder.data.events, "the events of the draws"),
        ]
    }

    private static func isSameFile(_ path: String, _ other: String) -> Bool {
        var (status, otherStatus) = (stat(), stat())
        guard stat(path, &status) == 0, stat(other, &otherStatus) == 0 else { return real(path) == other }
        return status.st_dev == otherStatus.st_dev && status.st_ino == otherStatus.st_ino
    }

    private static func real(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func isLedger(_ path: String) -> Bool {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: LedgerHeader.magic.count)
        return read(fd, &bytes, bytes.count) == bytes.count && bytes == LedgerHeader.magic
    }
}
