import Domain
import Storage

/// A run of winning documents, sorted by agency; those of one agency are in the order of the ledger.
///
/// A record is the agency as `u32`, big-endian, then the document as string8.
///
/// Isolation: one thread; reading blocks.
struct WinnerRun {
    private let file: (any DiskFile)?
    private var offset: Int
    private let end: Int
    private var window: [UInt8]
    private var index = 0
    private static let windowBytes = 64 << 10
    private static let maxRecordBytes = 4 + 1 + Limits.maxDocumentBytes

    init(_ file: any DiskFile, _ range: Range<Int>) {
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
        window = []
    }

    init(_ records: [UInt8]) {
        file = nil
        offset = 0
        end = 0
        window = records
    }

    /// Returns the next agency; nil at the end.
    ///
    /// - Throws: ``DiskError``.
    mutating func nextAgency() throws(DiskError) -> AgencyID? {
        if window.count - index < Self.maxRecordBytes, let file, offset < end {
            window.removeSubrange(..<index)
            index = 0
            let bytes = try file.read(at: offset, byteCount: min(Self.windowBytes, end - offset))
            offset += bytes.count
            window += bytes
        }
        guard index < window.count else { return nil }
        return AgencyID(window[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Passes the document that ``nextAgency()`` found, with its length.
    mutating func takeDocument<Failure: Error>(_ body: (ArraySlice<UInt8>) throws(Failure) -> Void) throws(Failure) {
        let start = index + 4
        index = start + 1 + Int(window[start])
        try body(window[start..<index])
    }
}
