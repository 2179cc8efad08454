private import Glibc

/// The permissions of a file.
package struct FileMode: Equatable, Sendable, CustomStringConvertible {
    private let bits: mode_t

    /// Nil if the file cannot be looked up.
    package init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        bits = status.st_mode & 0o7777
    }

    /// Whether users other than the owner can read or write the file.
    package var isOpenToOthers: Bool { bits & 0o077 != 0 }
    package var isWritableByOthers: Bool { bits & 0o022 != 0 }

    /// The reason not to use a file that holds a secret, and the command that mends it; nil if only its owner can read it.
    ///
    /// - Parameter secret: for example `the key`.
    package func fault(of path: String, with secret: String) -> String? {
        isOpenToOthers
            ? "\(path) has mode \(self): other users can read \(secret); chmod 0600 \(path)" : nil
    }

    /// For example `0644`.
    package var description: String {
        let digits = String(bits, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
