import Storage
import WireProtocol

/// A winners file in memory, built from a result of version 1, which lists all winners.
struct WinnersImage: DiskFile {
    let header: WinnersHeader
    private let bytes: [UInt8]

    init(_ result: DrawResult) {
        var entries: [UInt8] = []
        var documents: [UInt8] = []
        let agencies = result.agencies ?? []
        let start = WinnersHeader.byteCount + WinnersEntry.byteCount * agencies.count
        for agency in agencies {
            var own: [UInt8] = []
            for winner in agency.winners ?? [] { own.append(string8: winner) }
            entries +=
                WinnersEntry(
                    offset: start + documents.count, documentsBytes: own.count, winners: agency.winningBets,
                    bets: agency.bets,
                    rejectedBets: agency.rejectedBets,
                    areIntegers: (agency.winners ?? []).allSatisfy { UInt32($0).map(String.init) == $0 },
                    checksum: CRC32C.checksum(own.span.bytes)
                ).bytes
            documents += own
        }
        header = WinnersHeader(
            winningNumber: result.winningNumber, agencies: UInt32(agencies.count), ledgerID: 0,
            winners: result.winningBets, fileBytes: start + documents.count)
        bytes = header.bytes + entries + documents
    }

    var isDirect: Bool { false }
    func size() throws(DiskError) -> Int { bytes.count }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        let end = min(bytes.count, offset + buffer.count)
        guard offset < end else { return 0 }
        bytes[offset..<end].withUnsafeBytes { buffer.copyMemory(from: $0) }
        return end - offset
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) -> Int { 0 }
    func sync() throws(DiskError) {}
    func truncate(to size: Int) throws(DiskError) {}
    func allocate(from offset: Int, byteCount: Int) throws(DiskError) {}
    func lock() throws(DiskError) {}
    func namedStamp() throws(DiskError) -> FileStamp? { FileStamp(inode: 0, size: bytes.count, changed: 0) }
}
