private import Glibc
import Platform
package import Storage

/// Writes a message of a command that does not log.
package func writeError(_ text: String) {
    SystemCall.writeAll(Array((text + "\n").utf8), to: STDERR_FILENO)
}

/// Writes a line of results to standard output.
///
/// Blocks.
///
/// - Throws: ``DiskError`` if the line cannot be written, for example to a full disk or a closed pipe.
package func writeOutput(_ text: String) throws(DiskError) {
    let bytes = Array((text + "\n").utf8)
    guard SystemCall.writeAll(bytes, to: STDOUT_FILENO) == bytes.count else {
        throw DiskError(call: "write", path: "standard output", errno: errno)
    }
}
