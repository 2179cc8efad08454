package import Domain
package import Storage
private import WireProtocol

/// An open winners file, read on demand: only its header is kept in memory.
///
/// Isolation: any thread. Reads are small, and come from the page cache because the file was just hashed.
package final class WinnersFile: Sendable {
    package let header: WinnersHeader
    private let file: any DiskFile

    /// Opens the file that belongs to a result and checks it to the last byte.
    ///
    /// Blocks. A result of version 1 has no such file: one is built in memory from its lists.
    ///
    /// - Throws: ``DrawResultError/winnersFile(_:)``; ``DiskError``.
    package init(_ path: String, of result: DrawResult, on disk: any Disk) throws {
        guard let seal = result.winnersFile else {
            let image = WinnersImage(result)
            (header, file) = (image.header, image)
            return
        }
        do throws(DiskError) {
            file = try disk.open(path, .readOnly)
        } catch {
            if error.isMissingFile { throw DrawResultError.winnersFile("its winners file \(path) is missing") }
            throw error
        }
        guard let header = WinnersHeader(try file.read(at: 0, byteCount: WinnersHeader.byteCount)) else {
            throw DrawResultError.winnersFile("\(path) is not a winners file of version \(WinnersHeader.version)")
        }
        self.header = header
        let digest = try Self.sha256(of: file)
        guard try file.size() == seal.bytes, header.fileBytes == seal.bytes, digest == seal.sha256,
            DrawResult.text(ledgerID: header.ledgerID) == result.ledgerID, header.agencies == result.agencyCount
        else { throw DrawResultError.winnersFile("\(path) is not the file that belongs to it") }
    }

    /// Computes a file's SHA-256 in hexadecimal; blocks, memory is 1 MiB.
    package static func sha256(of file: any DiskFile) throws(DiskError) -> String {
        var hash = SHA256()
        var offset = 0
        while true {
            let bytes = try file.read(at: offset, byteCount: 1 << 20)
            if bytes.isEmpty { return hexadecimal(hash.finalize()) }
            hash.update(data: bytes)
            offset += bytes.count
        }
    }

    /// Reads an agency's entry; ``WinnersEntry/none`` for one that took no part in the draw.
    package func entry(_ agency: AgencyID) throws(DiskError) -> WinnersEntry {
        guard agency.rawValue >= 1, agency.rawValue <= header.agencies else { return .none }
        let offset = WinnersHeader.byteCount + WinnersEntry.byteCount * Int(agency.rawValue - 1)
        let bytes = try file.read(at: offset, byteCount: WinnersEntry.byteCount)
        guard bytes.count == WinnersEntry.byteCount, let entry = WinnersEntry(bytes, fileBytes: header.fileBytes) else {
            return .none
        }
        return entry
    }

    /// Reads up to `maxBytes` of an agency's documents.
    package func documents(_ entry: WinnersEntry, from index: Int, maxBytes: Int) throws(DiskError) -> [UInt8] {
        try file.read(at: entry.offset + index, byteCount: min(maxBytes, entry.documentsBytes - index))
    }
}
