/// A kind of measurement of a service, as Prometheus names it.
///
/// ``all`` is the only list: a service's samples name one of these, and `console metrics --list` prints them.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable {
        case gauge, counter, histogram
    }

    package let name: String
    package let kind: Kind
    package let help: String
    /// Besides `service`, which every family has.
    package let labels: [String]
    /// How many time series one service has at most, in words.
    package let series: String

    private init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = [], series: String = "1") {
        self.name = "quiniela_\(name)"
        self.kind = kind
        self.help = help
        self.labels = labels
        self.series = series
    }

    private static let perDraw = "the draws in use and planned"
}

extension MetricFamily {
    package static let build = MetricFamily(
        "build_info", .gauge, "1, with the version of the program.", labels: ["version"])
    package static let up = MetricFamily("up", .gauge, "Whether the service answers on its control socket.")
    package static let stopping = MetricFamily("stopping", .gauge, "1 while the service stops.")
    package static let viewers = MetricFamily("viewers", .gauge, "Open streams of the console's page.")
    package static let viewersLimit = MetricFamily("viewers_limit", .gauge, "The limit of open streams.")
    package static let drawState = MetricFamily(
        "draw_state", .gauge, "1 for the state that a draw has.", labels: ["draw", "state"], series: perDraw)
    package static let drawCutOff = MetricFamily(
        "draw_cutoff_timestamp_seconds", .gauge, "When a draw that is open stops taking bets.", labels: ["draw"],
        series: perDraw)
    package static let drawAgencies = MetricFamily(
        "draw_agencies", .gauge, "Agencies of a draw: finished, unfinished (some chunks), absent (none).",
        labels: ["draw", "state"], series: "3 times \(perDraw)")
    package static let bets = MetricFamily(
        "bets_durable_total", .counter, "Bets stored durably since the start of the service.")
    package static let chunks = MetricFamily(
        "chunks_total", .counter,
        "Chunks answered since the start: stored, rejected, repeated, late, unrecorded (conflicts, closed draws).",
        labels: ["result"], series: "5")
    package static let lateChunks = MetricFamily(
        "late_chunks_total", .counter, "Chunks that came after the cut-off, since the start.")
    package static let commit = MetricFamily(
        "commit_duration_seconds", .histogram, "The write and the sync of a group of chunks.")
    package static let acknowledge = MetricFamily(
        "acknowledge_duration_seconds", .histogram,
        "From the first chunk of a group being checked to its answers: the longest wait of each group.")
    package static let groupBytes = MetricFamily(
        "commit_group_bytes", .histogram, "The bytes of the records of a group.")
    package static let oldest = MetricFamily(
        "oldest_unacknowledged_seconds", .gauge, "How long the oldest checked chunk has waited for its answer.")
    package static let lastCommit = MetricFamily(
        "last_commit_timestamp_seconds", .gauge, "When a group was last stored; 0 before the first.")
    package static let connections = MetricFamily("connections", .gauge, "Connections of agencies.")
    package static let connectionsLimit = MetricFamily("connections_limit", .gauge, "The limit of connections.")
    package static let waiting = MetricFamily(
        "waiting_connections", .gauge, "Connections with a whole chunk in the queue of the workers.")
    package static let waitingLimit = MetricFamily("waiting_connections_limit", .gauge, "The capacity of the queue.")
    package static let buffer = MetricFamily("buffer_bytes", .gauge, "Memory reserved for frames.")
    package static let bufferLimit = MetricFamily("buffer_bytes_limit", .gauge, "The limit, ingest.bufferBytes.")
    package static let freeBytes = MetricFamily(
        "data_free_bytes", .gauge, "Free space of the disk with the data folder.")
    package static let ledgerBytes = MetricFamily(
        "ledger_bytes", .gauge, "The size of the ledgers of the draws in use, preallocated space included.")
    package static let connectionsEnded = MetricFamily(
        "connections_ended_total", .counter,
        "Connections that ended, by port and reason: peer, answered, deadline, fault, limit, handshake.",
        labels: ["port", "reason"], series: "6 times the ports")
    package static let logLinesLost = MetricFamily(
        "log_lines_lost_total", .counter, "Log lines that nobody read in time.")
    package static let denials = MetricFamily(
        "denials_total", .counter, "Peers denied because of the roster or TLS.")
    package static let certificateEnd = MetricFamily(
        "certificate_not_after_timestamp_seconds", .gauge, "When the service's certificate ends.")
    package static let filesFaulty = MetricFamily(
        "files_faulty", .gauge, "1 while a changed file is faulty, so that the one before it stays in use.",
        labels: ["file"], series: "2: roster, certificate")
    package static let rosterReload = MetricFamily(
        "roster_reload_timestamp_seconds", .gauge, "When the roster's file was last read, by result.",
        labels: ["result"], series: "2: success, fail")
    package static let missed = MetricFamily(
        "schedule_missed_total", .counter, "Draws of the calendar that were missed, since the start.")
    package static let clockSteps = MetricFamily(
        "clock_steps_total", .counter, "How often the wall clock was set by more than a second, since the start.")
    package static let clusterConnected = MetricFamily(
        "cluster_connected", .gauge, "Whether the service is connected to a server of its cluster.")
    package static let clusterServers = MetricFamily(
        "cluster_servers", .gauge, "Servers of the cluster that answer.")
    package static let clusterSize = MetricFamily(
        "cluster_servers_expected", .gauge, "Servers that the cluster has.")
    package static let clusterNodes = MetricFamily(
        "cluster_nodes", .gauge, "Ingest services of the cluster that run.")
    package static let clusterLeader = MetricFamily(
        "cluster_stream_leader", .gauge, "1 for the server that leads a stream.", labels: ["stream", "server"],
        series: "the draws in use, and 1")
    package static let clusterLag = MetricFamily(
        "cluster_stream_lag", .gauge, "Operations that a server lacks of a stream that it follows.",
        labels: ["stream", "server"], series: "2 to 4 times the draws in use, and 1")
    package static let clusterReconnections = MetricFamily(
        "cluster_reconnections_total", .counter, "Connections to the cluster that replaced a lost one.")
    package static let clusterUnknown = MetricFamily(
        "cluster_unknown_outcomes_total", .counter, "Messages whose outcome was unknown at first.")
    package static let clusterConflicts = MetricFamily(
        "cluster_conflicts_total", .counter, "Messages that another node was faster with.")
    package static let clusterRejections = MetricFamily(
        "cluster_rejected_configurations_total", .counter, "Servers whose configuration was rejected.")
    package static let consultations = MetricFamily(
        "consultations_total", .counter, "Questions for winners, since the start.")
    package static let parked = MetricFamily(
        "parked_connections", .gauge, "Connections that wait for a draw.")
    package static let draws = MetricFamily("published_draws", .gauge, "Published draws that can be consulted.")

    package static let all: [MetricFamily] = [
        up, build, stopping, viewers, viewersLimit, drawState, drawCutOff, drawAgencies, bets, chunks, lateChunks,
        commit,
        acknowledge, groupBytes, oldest,
        lastCommit, connections, connectionsLimit, waiting, waitingLimit, buffer, bufferLimit, freeBytes, ledgerBytes,
        connectionsEnded, logLinesLost, denials, certificateEnd, filesFaulty, rosterReload, missed, clockSteps,
        clusterConnected, clusterServers, clusterSize, clusterNodes, clusterLeader, clusterLag, clusterReconnections,
        clusterUnknown, clusterConflicts, clusterRejections, consultations, parked, draws,
    ]
}
