import Domain
import Ledger
import Monitoring

/// Whether both services answer, and with which version.
struct ServicesView {
    let snapshot: Snapshot

    var piece: HTML {
        """
        <ul class="services">\(line("bet-ingest", snapshot.ingest, snapshot.samples))\
        \(line("winners-service", snapshot.winners, snapshot.winnersSamples))\(cluster)</ul>
        """
    }

    /// The cluster of bet-ingest; nothing for a ledger on this machine.
    private var cluster: HTML {
        let samples = snapshot.samples
        guard snapshot.ingest.failure == nil, let isConnected = samples.value(.clusterConnected) else { return "" }
        func figure(_ family: MetricFamily) -> String { Figure.grouped(Int(samples.value(family) ?? 0)) }
        guard isConnected == 1 else {
            return """
                <li class="state void"><span aria-hidden="true">✕</span> cluster: no connection</li>
                """
        }
        let text =
            "\(figure(.clusterServers)) of \(figure(.clusterSize)) servers, \(figure(.clusterNodes)) nodes; "
            + "\(figure(.clusterUnknown)) unknown outcomes, \(figure(.clusterConflicts)) conflicts, "
            + "\(figure(.clusterRejections)) rejected configurations"
        let streams: [HTML] = samples.filter { $0.name == MetricFamily.clusterLeader.name }.map { sample in
            let (stream, leader) = (sample.labels?.first ?? "", sample.labels?.last ?? "")
            let lags = samples.filter { $0.name == MetricFamily.clusterLag.name && $0.labels?.first == stream }
                .map { "\($0.labels?.last ?? "") \(Figure.grouped(Int($0.value ?? 0)))" }.joined(separator: ", ")
            return "<li class=\"cluster\">\(stream): leader \(leader), lag \(lags)</li>"
        }
        return """
            <li class="state open"><span aria-hidden="true">●</span> cluster: \(text)</li>\(streams)
            """
    }

    private func line(_ name: String, _ service: Snapshot.Service, _ samples: [MetricSample]) -> HTML {
        if let failure = service.failure {
            let since = service.lastAnswer.map { "no data since \(LocalTime.clock($0, today: snapshot.time))" }
            return """
                <li class="state void"><span aria-hidden="true">✕</span> \(name): \(since ?? "no data"); \(failure)</li>
                """
        }
        let version = samples.first { $0.name == MetricFamily.build.name }?.labels?.first ?? ""
        return "<li class=\"state open\"><span aria-hidden=\"true\">●</span> \(name) answers, \(version)</li>"
    }
}

/// The last events of the service and its operators, the newest first.
struct EventsView {
    let events: [DrawEvent]
    let now: Instant

    var piece: HTML {
        guard !events.isEmpty else { return "<p>No events yet.</p>" }
        return "<ol class=\"events\" reversed>\(events.reversed().map(line))</ol>"
    }

    private func line(_ event: DrawEvent) -> HTML {
        let draw: HTML = event.draw.map { "<a href=\"/draws/\($0.name)\">\($0.name)</a> " } ?? ""
        let facts = event.facts
        return """
            <li><time datetime="\(event.time.description)">\(LocalTime.clock(event.time, today: now))</time> \(draw)\
            <strong>\(event.event.rawValue)</strong>\(facts.isEmpty ? "" : ": ")\(facts)</li>

            """
    }
}
