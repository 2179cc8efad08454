import Connections
import Control
import Domain
import Identity
import Ledger
import Monitoring
import Platform
import ReplicatedLedger
import Storage
import TLS

/// The measurements of the ingest service, taken from counters that exist anyway.
///
/// Isolation: any thread.
struct IngestMetrics: Sendable {
    let core: IngestCore
    let tls: ServerTLS?
    let program: String
    /// The data folder.
    let data: String
    let disk: any Disk
    /// The number of times that the wall clock was set.
    let steps: @Sendable () -> Int
    let lostLines: @Sendable () -> Int
    let isStopping: @Sendable () -> Bool
    /// Nil for ledgers on this machine.
    let cluster: @Sendable () -> ClusterStatus?

    /// Takes every measurement.
    ///
    /// - Parameter draws: summaries walk all agencies of a draw, so their maker keeps them for a while.
    func samples(of draws: [DrawSummary], at now: Instant) -> [MetricSample] {
        let totals = core.figures.totals
        let chunks = totals.chunks
        var samples = [
            MetricSample(.build, 1, program), MetricSample(.stopping, isStopping() ? 1 : 0),
            MetricSample(.bets, chunks.bets),
            MetricSample(.chunks, chunks.stored, "stored"), MetricSample(.chunks, chunks.rejected, "rejected"),
            MetricSample(.chunks, chunks.repeated, "repeated"), MetricSample(.chunks, chunks.late, "late"),
            MetricSample(.chunks, chunks.unrecorded, "unrecorded"), MetricSample(.lateChunks, chunks.late),
            MetricSample(.commit, totals.commit), MetricSample(.acknowledge, totals.acknowledge),
            MetricSample(.groupBytes, totals.groupBytes),
            MetricSample(.lastCommit, seconds: Double(totals.lastCommit) / 1000),
            MetricSample(.connections, core.connections.count),
            MetricSample(.connectionsLimit, core.connections.max),
            MetricSample(.waiting, core.desk.queue.count), MetricSample(.waitingLimit, core.desk.queue.capacity),
            MetricSample(.buffer, core.budget.byteCount - core.budget.availableBytes),
            MetricSample(.bufferLimit, core.budget.byteCount), MetricSample(.logLinesLost, lostLines()),
            MetricSample(.missed, totals.missedDraws), MetricSample(.clockSteps, steps()),
        ]
        if let free = FreeSpace.bytes(of: data) { samples.append(MetricSample(.freeBytes, free)) }
        samples += cluster().map(Self.samples) ?? []
        samples += ofDraws(draws) + core.ends.samples + core.desk.gate.samples + (tls?.samples ?? [])
        return samples
    }

    private func ofDraws(_ draws: [DrawSummary]) -> [MetricSample] {
        let open = core.desk.draws.all
        let oldest = open.compactMap(\.committer.oldestUnanswered).min().map { $0.duration(to: .now) } ?? .zero
        let ledgers = open.compactMap { disk.stamp(DrawFolder(data: data, draw: $0.id).ledger)?.size }.reduce(0, +)
        return [
            MetricSample(.oldest, seconds: oldest / .seconds(1)), MetricSample(.ledgerBytes, ledgers),
        ] + draws.flatMap(Self.samples)
    }

    private static func samples(of cluster: ClusterStatus) -> [MetricSample] {
        let replicas = cluster.streams.sorted { $0.key < $1.key }.flatMap { name, replicas in
            (replicas.leader.map { [MetricSample(.clusterLeader, 1, name, $0)] } ?? [])
                + replicas.followers.map { MetricSample(.clusterLag, $0.lag, name, $0.server) }
        }
        return [
            MetricSample(.clusterConnected, cluster.server == nil ? 0 : 1),
            MetricSample(.clusterServers, cluster.servers.count), MetricSample(.clusterSize, cluster.expectedServers),
            MetricSample(.clusterNodes, cluster.nodes.count),
            MetricSample(.clusterReconnections, cluster.reconnections), MetricSample(.clusterUnknown, cluster.unknown),
            MetricSample(.clusterConflicts, cluster.conflicts), MetricSample(.clusterRejections, cluster.rejections),
        ] + replicas
    }

    private static func samples(of draw: DrawSummary) -> [MetricSample] {
        let name = draw.draw.name
        var samples = [
            MetricSample(.drawState, 1, name, draw.state.rawValue),
            MetricSample(.drawAgencies, draw.finishedAgencies, name, "finished"),
            MetricSample(.drawAgencies, draw.unfinishedAgencies, name, "unfinished"),
            MetricSample(.drawAgencies, max(0, draw.absentAgencies), name, "absent"),
        ]
        if draw.state == .open, let cutOff = draw.cutOff {
            samples.append(MetricSample(.drawCutOff, seconds: Double(cutOff.milliseconds) / 1000, name))
        }
        return samples
    }
}
