import Glibc
import Shell
import Storage

/// The check that a path names a regular file, which can be read more than once.
///
/// It runs before the file is opened, because opening a FIFO waits for a writer.
enum RegularFile {
    /// Checks the path of a file of bets.
    ///
    /// - Throws: ``NotRegularFile``; ``DiskError`` if there is no such file or its folder cannot be read.
    static func check(_ path: String) throws {
        if path == "-" { throw NotRegularFile(path: path, kind: "standard input") }
        var status = stat()
        guard stat(path, &status) == 0 else { throw DiskError(call: "open", path: path, errno: errno) }
        let kind: String
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFIFO: kind = "a pipe"
        case S_IFDIR: kind = "a folder"
        case S_IFSOCK: kind = "a socket"
        default: kind = "a device"
        }
        throw NotRegularFile(path: path, kind: kind)
    }
}

/// A path that names something else.
struct NotRegularFile: ProgramError, Equatable, CustomStringConvertible {
    var path: String
    var kind: String

    var exit: ProgramExit { .data }

    var description: String {
        "\(path) is \(kind); a regular file is expected, because an agency resumes by reading its file again: "
            + "write the bets to a file first"
    }
}
