import Domain
import Ledger
import NIOConcurrencyHelpers
import Platform
private import Synchronization

/// A draw with its ledger open: everything with state that belongs to one draw.
///
/// Draws share the queue, the workers, the frames' memory and the ports, and nothing else.
///
/// Isolation: any thread.
final class OpenDraw: Sendable {
    let id: DrawID
    let agencies: DrawAgencies
    let committer: any DrawCommitter
    /// The committer of a draw on a cluster; nil for a ledger on this machine, and once it is sealed.
    let stream: StreamCommitter?
    let consultations: DialectConsultations
    let progress: ProgressFile
    private let connections = Atomic(0)
    private let told = NIOLockedValueBox(Facts())

    /// The facts that the main thread knows about a draw, for other threads.
    struct Facts: Sendable {
        var state = DrawState.open
        var terms: DrawTerms?
        var number: UInt16?
        var winningBets: UInt64?
        var voidReason: String?
    }

    init(
        id: DrawID, agencies: DrawAgencies, committer: any DrawCommitter, stream: StreamCommitter? = nil,
        consultations: DialectConsultations, progress: ProgressFile
    ) {
        self.id = id
        self.agencies = agencies
        self.committer = committer
        self.stream = stream
        self.consultations = consultations
        self.progress = progress
    }

    var facts: Facts { told.withLockedValue { $0 } }

    func setFacts(_ facts: Facts) { told.withLockedValue { $0 = facts } }

    /// Whether a connection is bound to the draw.
    var hasConnections: Bool { connections.load(ordering: .acquiring) > 0 }

    func bind() { connections.add(1, ordering: .acquiringAndReleasing) }
    func unbind() { connections.subtract(1, ordering: .acquiringAndReleasing) }
}
