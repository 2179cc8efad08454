import Connections
import Identity
import Ledger
import Monitoring
import Shell

/// The wired parts of the ingest service that all draws share, except threads and ports.
///
/// The service runs them on several threads (``RunningIngest``); the simulation steps through them on one.
struct IngestCore: Sendable {
    let desk: IngestDesk
    let budget: FrameBudget
    let worker: IngestWorker
    let connections: ConnectionCount
    let ends = ConnectionEnds()
    let figures = IngestFigures()

    init(
        configuration: ServiceConfiguration, gate: AgencyGate = AgencyGate(),
        clock: @escaping @Sendable () -> UInt64, log: EventLog
    ) {
        let ingest = configuration.ingest
        let queue = ConnectionQueue(capacity: ingest.queueCapacity)
        budget = FrameBudget(byteCount: ingest.bufferBytes, maxFrameBytes: ingest.maxFrameBytes)
        desk = IngestDesk(
            draws: OpenDraws(fixed: configuration.dialectDraws, clock: clock), gate: gate, queue: queue,
            limits: WelcomeLimits(maxFrameBytes: ingest.maxFrameBytes, window: ingest.window), clock: clock, log: log)
        worker = IngestWorker(queue: queue)
        connections = ConnectionCount(max: ingest.queueCapacity, maxPerAddress: ingest.maxPerAddress)
    }
}
