import Control
import Domain
import Ledger
import Monitoring

/// A matter for the operator: a sentence, and the command to begin with.
struct Need: Equatable, Sendable {
    var sentence: String
    /// A command of docs/operations.md or docs/running-a-lottery.md; nil without one.
    var command: String?
    /// A page of the console.
    var link: String?

    /// How long before the cut-off missing agencies are reported.
    private static let closingSeconds = 600
    private static let waitingSeconds = 5.0
    private static let fullSeconds = 1800.0
    private static let certificateDays = 14.0
}

extension Need {
    /// Everything that needs a hand, the most urgent first.
    ///
    /// Pure.
    static func all(of snapshot: Snapshot) -> [Need] {
        down(snapshot) + draws(snapshot) + machine(snapshot) + files(snapshot)
    }

    private static func down(_ snapshot: Snapshot) -> [Need] {
        var needs: [Need] = []
        if let failure = snapshot.ingest.failure {
            needs.append(
                Need(
                    sentence: "bet-ingest does not answer: \(failure). No bet can be stored and no draw can close.",
                    command: "systemctl status bet-ingest"))
        }
        if let failure = snapshot.winners.failure {
            needs.append(
                Need(
                    sentence: "winners-service does not answer: \(failure). Agencies cannot get their winners.",
                    command: "systemctl status winners-service"))
        }
        return needs
    }

    private static func draws(_ snapshot: Snapshot) -> [Need] {
        snapshot.draws.compactMap { draw in
            let name = draw.draw.name
            switch draw.state {
            case .sealed:
                return Need(
                    sentence: "Draw \(name) is closed and waits for its number.",
                    command: "bet-ingest draw number \(name)", link: "/draws/\(name)/number")
            case .open:
                let missing = draw.unfinishedAgencies + max(0, draw.absentAgencies)
                guard missing > 0, let cutOff = draw.cutOff else { return nil }
                let left = (Int(cutOff.milliseconds) - Int(snapshot.time.milliseconds)) / 1000
                guard left <= closingSeconds else { return nil }
                return Need(
                    sentence: "Draw \(name) closes at \(LocalTime.clock(cutOff)), and \(missing) of "
                        + "\(draw.expectedAgencies) agencies have not finished.",
                    command: "bet-ingest status --draw \(name)", link: "/?draw=\(name)&filter=unfinished")
            case .planned, .drawn, .published, .void:
                return nil
            }
        }
    }

    private static func machine(_ snapshot: Snapshot) -> [Need] {
        guard snapshot.ingest.failure == nil else { return [] }
        let samples = snapshot.samples
        var needs: [Need] = []
        if let oldest = samples.value(.oldest), oldest > waitingSeconds {
            needs.append(
                Need(
                    sentence:
                        "A chunk has waited more than \(Int(waitingSeconds)) s for the disk: nothing is acknowledged.",
                    command: "iostat -x 1"))
        }
        let free = samples.value(.freeBytes)
        if let free, let rate = snapshot.history.bytesPerSecond, rate > 0, free / rate < fullSeconds {
            needs.append(
                Need(
                    sentence: "At this rate the disk is full in less than half an hour.",
                    command: "df -h"))
        } else if let free, free < Double(Readiness.minFreeBytes) {
            needs.append(
                Need(
                    sentence: "Less than \(Figure.bytes(Double(Readiness.minFreeBytes))) are free for the ledgers.",
                    command: "df -h"))
        }
        for (family, limit, what) in [
            (MetricFamily.connections, MetricFamily.connectionsLimit, "connections"),
            (.buffer, .bufferLimit, "bytes of frames"),
        ] {
            guard let value = samples.value(family), let limit = samples.value(limit), value >= limit * 0.9 else {
                continue
            }
            needs.append(
                Need(
                    sentence:
                        "More than nine tenths of \(Figure.grouped(Int(limit))) \(what) are in use: agencies wait or are "
                        + "turned away.", command: "bet-ingest status"))
        }
        if let lost = samples.value(.logLinesLost), lost > 0 {
            needs.append(
                Need(
                    sentence: "\(count(lost, "log line was", "log lines were")) lost: the log is not read in time.",
                    command: "systemctl status systemd-journald"))
        }
        if let missed = samples.value(.missed), missed > 0 {
            needs.append(
                Need(
                    sentence:
                        "\(count(missed, "draw of the calendar was", "draws of the calendar were")) missed since the start.",
                    command: "bet-ingest events"))
        }
        if let steps = samples.value(.clockSteps), steps > 0 {
            needs.append(
                Need(
                    sentence: "The clock was set \(count(steps, "time", "times")) since the start; cut-offs follow it.",
                    command: "timedatectl"))
        }
        return needs + cluster(samples)
    }

    private static func cluster(_ samples: [MetricSample]) -> [Need] {
        guard let isConnected = samples.value(.clusterConnected) else { return [] }
        var needs: [Need] = []
        if isConnected == 0 {
            needs.append(
                Need(
                    sentence: "bet-ingest has no connection to its cluster: nothing is acknowledged.",
                    command: "scripts/cluster status"))
        } else if let servers = samples.value(.clusterServers), let size = samples.value(.clusterSize), servers < size {
            needs.append(
                Need(
                    sentence: "\(Int(servers)) of \(Int(size)) servers of the cluster answer.",
                    command: "scripts/cluster status"))
        }
        if let rejections = samples.value(.clusterRejections), rejections > 0 {
            needs.append(
                Need(
                    sentence:
                        "The configuration of a server of the cluster was rejected \(count(rejections, "time", "times")).",
                    command: "bet-ingest status"))
        }
        return needs
    }

    private static func count(_ number: Double, _ one: String, _ many: String) -> String {
        "\(Figure.grouped(Int(number))) \(Int(number) == 1 ? one : many)"
    }

    private static func files(_ snapshot: Snapshot) -> [Need] {
        var needs: [Need] = []
        for (service, samples) in [("bet-ingest", snapshot.samples), ("winners-service", snapshot.winnersSamples)] {
            for (file, command) in [("roster", "bet-ingest roster check"), ("certificate", "bet-ingest pki list")]
            where samples.value(.filesFaulty, file) == 1 {
                needs.append(
                    Need(
                        sentence: "The \(file) file of \(service) is faulty; the one before it is in use.",
                        command: command))
            }
            if let end = samples.value(.certificateEnd) {
                let days = (end - Double(snapshot.time.milliseconds) / 1000) / 86_400
                if days < certificateDays {
                    needs.append(
                        Need(
                            sentence: days > 0
                                ? days < 1
                                    ? "The certificate of \(service) ends within a day."
                                    : "The certificate of \(service) ends in \(count(days, "day", "days"))."
                                : "The certificate of \(service) has ended: agencies reject it.",
                            command: "bet-ingest pki renew service"))
                }
            }
        }
        return needs
    }
}

/// "Needs you": only what needs a hand.
struct NeedsView {
    let needs: [Need]

    var piece: HTML {
        guard !needs.isEmpty else { return "<p class=\"calm\">Nothing needs you.</p>" }
        return "<ul class=\"needs\">\(needs.map(Self.line))</ul>"
    }

    private static func line(_ need: Need) -> HTML {
        let sentence: HTML = need.link.map { "<a href=\"\($0)\">\(need.sentence)</a>" } ?? "\(need.sentence)"
        let command: HTML = need.command.map { " <code>\($0)</code>" } ?? ""
        return "<li><span aria-hidden=\"true\">▲</span> \(sentence)\(command)</li>\n"
    }
}
