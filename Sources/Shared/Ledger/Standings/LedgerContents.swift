package import Storage

/// The contents of a ledger, checked to the last byte.
package struct LedgerContents: Sendable {
    package let header: LedgerHeader
    package private(set) var standings = DrawStandings()
    package private(set) var index = ChunkIndex()
    package private(set) var chunkCount = 0
    /// Nil unless it was asked for.
    package private(set) var digest: DrawDigest?
    package private(set) var end: LedgerEnd
    /// The file's stamp before it was read; a different one afterwards means that another process writes to the file.
    package let stamp: FileStamp?

    /// Reads a whole ledger.
    ///
    /// Blocks. One pass; memory is the index and one group.
    ///
    /// - Parameters:
    ///   - isDigested: whether the digest of all chunks is computed, which takes as long as everything else.
    ///   - goesOn: called after each group with the offset reached and the file's size; false stops.
    /// - Returns: nil if `goesOn` returned false.
    /// - Throws: ``LedgerError`` at the first fault.
    package init?(
        reading path: String, on disk: any Disk, isDigested: Bool = false, goesOn: (Int, Int) -> Bool
    ) throws(LedgerError) {
        stamp = disk.stamp(path)
        if isDigested { digest = DrawDigest() }
        var reader = try LedgerReader(path, on: disk)
        header = reader.header
        end = LedgerEnd(offset: 0, lastGroupNumber: 0, isClosed: false, tornBytes: 0)
        while let records = try reader.nextGroup() {
            for record in records {
                let fault = reader.withPayload(of: record) { payload in
                    standings.check(record.header, payload: payload)
                }
                if let fault {
                    throw .damaged(path: path, offset: record.offset, reason: fault)
                }
                guard !record.header.kind.isService else { continue }
                if isDigested { reader.withPayload(of: record) { digest?.add(record.header, payload: $0) } }
                index.append(record.offset, agency: record.header.agency)
                chunkCount += 1
            }
            guard goesOn(reader.offset, reader.fileBytes) else { return nil }
        }
        end = try reader.findEnd()
        if standings.seal != nil, end.isClosed, end.tornBytes > 0 {
            throw .damaged(
                path: path, offset: end.offset, reason: "bytes follow the end of a sealed ledger")
        }
    }

    /// Reads a whole ledger.
    package init(reading path: String, on disk: any Disk) throws(LedgerError) {
        guard let contents = try LedgerContents(reading: path, on: disk, goesOn: { _, _ in true }) else {
            preconditionFailure("stopped although goesOn returned true")
        }
        self = contents
    }
}
