import Domain

extension DrawEvent {
    /// The event for people: time, draw, and the facts that it has.
    package var text: String {
        let rest = facts
        return rest.isEmpty ? head : "\(head): \(rest)"
    }

    /// Time, draw and kind.
    private var head: String { "\(time)  \(draw?.name ?? "-")  \(event.rawValue)" }

    /// The other facts of the event, separated by commas; empty without any.
    package var facts: String {
        func listed(_ name: String, _ agencies: [AgencyID]?, _ count: Int?) -> String? {
            guard let agencies, let count, count > 0 else { return nil }
            let more = count > agencies.count ? ", …" : ""
            return "\(count) \(name): \(agencies.map(\.description).joined(separator: ", "))\(more)"
        }
        let late = (agencies ?? []).map(\.description).joined(separator: ", ")
        let facts: [String?] = [
            by.map { "by \($0)" }, reason == "cut-off" && cutOff != nil ? nil : reason, cutOff.map { "cut-off \($0)" },
            bets.map { "\($0) bets" },
            finished.map { "\($0) finished" }, listed("unfinished", unfinished, unfinishedCount),
            listed("absent", absent, absentCount), late.isEmpty ? nil : "agencies \(late)",
            denials.map { "\($0) denied" }, addresses.map { "from \($0.joined(separator: ", "))" },
            number.map { "number \($0.fourFigures)" }, winningBets.map { "\($0) winning bets" },
            stepMilliseconds.map { "by \($0) ms" }, build.map { "version \($0)" },
            lateMilliseconds.flatMap { $0 > 1000 ? "\($0) ms after the cut-off" : nil },
            recovered == true ? "written after a restart" : nil,
        ]
        return facts.compactMap { $0 }.joined(separator: ", ")
    }
}
