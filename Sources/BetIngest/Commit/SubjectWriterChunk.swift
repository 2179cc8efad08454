import Ledger
import ReplicatedLedger
import WireProtocol

extension SubjectWriter.Chunk {
    /// Makes the record that a checked chunk becomes.
    init(_ checked: CheckedChunk) {
        self.init(
            kind: checked.recordKind,
            sequence: checked.chunk.sequence, count: checked.chunk.count, betCount: checked.betCount,
            digest: checked.bets, bytes: checked.recordBytes, payloadIndex: checked.payloadIndex,
            payloadChecksum: checked.payloadChecksum)
    }
}
