import Domain
import Ledger
import Monitoring

/// Whether both services answer, and with which version.
struct ServicesView {
    let snapshot: Snapshot

    var piece: HTML {
        """
        <ul class="services">\(line("bet-ingest", snapshot.ingest, snapshot.samples))\
        \(line("winners-service", snapshot.winners, snapshot.winnersSamples))</ul>
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
