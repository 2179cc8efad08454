package import Domain
private import Logging

// A ledger on several machines.

extension LogEvent {
    /// A draw's bets are stored in a stream of the cluster.
    package static func streamOpened(_ name: String) -> LogEvent {
        LogEvent("open_stream", "success", [("stream", .text(name))])
    }

    /// The messages of a draw contradict each other: it is not sealed.
    package static func streamDamaged(_ draw: DrawID, reason: String) -> LogEvent {
        LogEvent("seal", "fail", [("draw", .text(draw.name)), ("error", .text(reason))], level: .error)
    }

    /// A frame of an agency must fit one message.
    package static func clampedByCluster(key: String, from: Int, to: Int) -> LogEvent {
        LogEvent(
            "config", "fail",
            [
                ("key", .text(key)), ("value", .number(from)), ("used", .number(to)),
                ("error", .text("the servers of the cluster take no larger messages; see their max_payload")),
            ], level: .warning)
    }

    /// - Parameter milliseconds: how far the node is ahead of this one.
    package static func clockDiffers(node: String, milliseconds: Int) -> LogEvent {
        LogEvent(
            "check_clock", "fail",
            [
                ("node", .text(node)), ("ahead_ms", .number(milliseconds)),
                ("error", .text("the clocks of two nodes differ: cut-offs come at different times there; run chrony")),
            ],
            level: .warning)
    }

    /// The wall clock decides when this node stops taking chunks.
    package static func clockUnsynchronised() -> LogEvent {
        LogEvent(
            "check_clock", "fail",
            [
                (
                    "error",
                    .text("the clock is not synchronised: run chrony, or cut-offs come at another time on this node")
                )
            ],
            level: .warning)
    }

    package static func clusterConnected(server: String) -> LogEvent {
        LogEvent("connect_cluster", "success", [("server", .text(server))])
    }

    /// Nothing is acknowledged until the next ``clusterConnected(server:)``.
    package static func clusterLost(reason: String) -> LogEvent {
        LogEvent("connect_cluster", "fail", [("error", .text(reason))], level: .warning)
    }

    /// For example a permission that the service lacks.
    package static func clusterFailed(reason: String) -> LogEvent {
        LogEvent("use_cluster", "fail", [("error", .text(reason))], level: .error, isRepeatable: true)
    }

    /// A server that does not answer is not checked.
    package static func clusterServersSilent(_ answered: Int, of expected: Int) -> LogEvent {
        LogEvent(
            "check_cluster", "fail",
            [("servers", .number(expected)), ("error", .text("only \(answered) servers answer"))], level: .warning)
    }
}
