import Domain
import Platform
import Shell
import Storage

/// The file with an agency's token, its only line.
enum TokenFile {
    /// Reads a token; the error never holds it.
    static func read(_ path: String) throws(TokenFileError) -> String {
        guard let mode = FileMode(of: path) else {
            throw TokenFileError(description: "agency.tokenFile: there is no file \(path)")
        }
        if let fault = mode.fault(of: path, with: "the token") { throw TokenFileError(description: fault) }
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try DurableFile.read(path, on: PosixDisk()) ?? []
        } catch {
            throw TokenFileError(description: "agency.tokenFile: \(error)")
        }
        let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
        guard (1...Limits.maxTokenBytes).contains(line.count), line.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw TokenFileError(
                description: "\(path): one line of 1 to \(Limits.maxTokenBytes) printable ASCII characters without "
                    + "spaces is expected")
        }
        return String(decoding: line, as: UTF8.self)
    }
}

/// A token file that cannot be used.
struct TokenFileError: ProgramError, CustomStringConvertible {
    let description: String
    var exit: ProgramExit { .configuration }
}
