package import Domain
package import Storage

/// A file that fixes something about a draw: written once, whole, with a checksum, and never changed.
///
/// The state of a draw is derived from which of its documents exist (``DrawState``).
package protocol DrawDocument: Codable, Equatable, Sendable {
    /// The key of its object in the file.
    static var name: String { get }
    /// The newest version that this program knows.
    static var version: Int { get }
    static func path(in folder: DrawFolder) -> String

    var version: Int { get }
    var draw: DrawID { get }
    /// The identity of the draw's ledger, in hexadecimal.
    var ledgerID: String { get }
}

extension DrawDocument {
    /// Makes the document durable; it replaces one of the same draw.
    ///
    /// - Throws: ``DiskError``. Whether the document then survives is unknown.
    package func write(to folder: DrawFolder, on disk: any Disk) throws(DiskError) {
        try DurableFile.replace(Self.path(in: folder), with: fileBytes, on: disk)
    }

    package var fileBytes: [UInt8] { ChecksummedJSON(name: Self.name).bytes(self) }

    /// Reads the document of a draw; nil if it does not exist.
    ///
    /// - Throws: ``DrawDocumentError`` for a damaged document, a newer version or one of another draw; ``DiskError``.
    package init?(in folder: DrawFolder, on disk: any Disk) throws {
        let path = Self.path(in: folder)
        guard let bytes = try DurableFile.read(path, on: disk) else { return nil }
        try self.init(fileBytes: bytes, of: folder.draw, path: path)
    }

    /// Reads ``fileBytes``.
    ///
    /// - Parameter path: where the bytes are from, for the message.
    /// - Throws: ``DrawDocumentError``, as above.
    package init(fileBytes bytes: [UInt8], of draw: DrawID, path: String) throws(DrawDocumentError) {
        let document: Self
        do throws(ChecksummedJSON.Fault) {
            document = try ChecksummedJSON(name: Self.name).read(Self.self, from: bytes)
        } catch {
            let reason =
                error == .checksum
                ? "the checksum does not match: the file was changed or damaged" : "this is not a \(Self.name) file"
            throw DrawDocumentError(path: path, reason: reason)
        }
        guard document.version <= Self.version else {
            throw DrawDocumentError(
                path: path, reason: "version \(document.version); this program reads up to \(Self.version)")
        }
        guard document.draw == draw else {
            throw DrawDocumentError(path: path, reason: "it belongs to draw \(document.draw), not \(draw)")
        }
        self = document
    }
}

/// A document of a draw that cannot be used.
package struct DrawDocumentError: Error, Equatable, Sendable, CustomStringConvertible {
    package var path: String
    package var reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { "\(path): \(reason); restore it from a backup" }
}
