import Connections
import Domain
import WireProtocol

/// A chunk that was sent before.
///
/// Its connection waits for the answer, which is read from the ledger: one a group, so that many of them delay each other first.
struct Repetition {
    let chunk: Chunk
    let agency: AgencyID
    let connection: IngestConnection
    /// The memory of its frame.
    let reservation: Reservation?
}
