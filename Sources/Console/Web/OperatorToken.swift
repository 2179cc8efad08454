import Domain
import Glibc
import Identity
import Platform
import Shell
import Storage

/// The token that commands of the console must carry: a file of 256 random bits that only its owner can read.
///
/// Read at each command, so that a new token counts at once.
///
/// Isolation: any thread; blocks.
struct OperatorToken: Sendable {
    let path: String
    /// Of a token that was written by hand; the console makes longer ones.
    private static let minBytes = 32

    /// Makes the file, unless it exists.
    ///
    /// - Returns: whether it was made; nil if its folder does not exist yet.
    /// - Throws: ``ConfigurationError``: others can read the file, or it cannot be written.
    func makeIfMissing() throws(ConfigurationError) -> Bool? {
        if let mode = FileMode(of: path) {
            if let fault = mode.fault(of: path, with: "the operator's token") { throw ConfigurationError([fault]) }
            return false
        }
        let folder = parentFolder(of: path)
        guard access(parentFolder(of: folder), F_OK) == 0 else { return nil }
        mkdir(folder, 0o700)
        let fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard fd >= 0 else {
            throw ConfigurationError(["console.tokenFile: \(path) cannot be made: \(SystemCall.errorText(errno))"])
        }
        defer { close(fd) }
        let line = Array((RandomToken.make() + "\n").utf8)
        guard SystemCall.writeAll(line, to: fd) == line.count, fsync(fd) == 0 else {
            let reason = SystemCall.errorText(errno)
            unlink(path)
            throw ConfigurationError(["console.tokenFile: \(path) cannot be written: \(reason)"])
        }
        return true
    }

    /// Compares a text with the token, in constant time; the reason not to accept it, for the operator.
    func fault(of given: String) -> String? {
        if let fault = FileMode(of: path)?.fault(of: path, with: "the operator's token") { return fault }
        let bytes = (try? DurableFile.read(path, on: PosixDisk())) ?? nil
        let token = (bytes ?? []).prefix { $0 != UInt8(ascii: "\n") }.filter { $0 > 0x20 }
        guard token.count >= Self.minBytes else {
            return
                "there is no operator's token of \(Self.minBytes) or more characters in \(path); remove the file, and the "
                + "next page with a form makes a new one"
        }
        let text = given.utf8.filter { $0 > 0x20 }
        guard SecretDigest(of: text) == SecretDigest(of: token) else {
            return "the token is not the operator's, which is in \(path) on the server"
        }
        return nil
    }
}
