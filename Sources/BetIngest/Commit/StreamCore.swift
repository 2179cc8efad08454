import Domain
import Ledger
import ReplicatedLedger
import Storage
import WireProtocol

/// The work of a ``StreamCommitter``'s thread: requests and replies in, publishes and decisions out.
///
/// Isolation: the committer thread. It blocks on the disk and, when the draw ends, on the engine.
struct StreamCore {
    typealias Input = StreamCommitter.Input

    /// The facts for other threads.
    struct Changes {
        var standings: [AgencyID: AgencyStanding]
        var cutOff: Instant?
        var isEnding: Bool
        var oldest: ContinuousClock.Instant?
    }

    private let cluster: DrawCluster
    private let draw: DrawID
    private let agencies: DrawAgencies
    private let late: LateFile
    private let observer: CommitObserver
    private let figures: IngestFigures
    private let namesBets: Bool
    private var ending: StreamEnding

    private var writers: [AgencyID: SubjectWriter] = [:]
    private var senders = StreamSenders()
    private var comparisons: StreamComparisons
    private var publishedAt: [AgencyID: (time: ContinuousClock.Instant, bytes: Int)] = [:]
    private var retries = StreamRetries()
    private var look = StreamLook()
    /// The agencies of the draw with an end.
    private var ended: Set<AgencyID> = []
    /// Agencies whose end this node has stored, not told to the others yet.
    private var news: [AgencyID] = []
    private var changed: [AgencyID: AgencyStanding] = [:]
    private var busy: [AgencyID: Bool] = [:]
    private var lateChunks: [LateChunk] = []
    private var reported: Set<String> = []
    private var isChanged = true
    /// The oldest request without an answer, when it was last searched: that is a walk over all connections.
    private var oldest: ContinuousClock.Instant?

    private var now = Instant(milliseconds: 0)
    private var monotonic = ContinuousClock.now
    private var post: @Sendable (Input) -> Void = { _ in }

    init(
        _ cluster: DrawCluster, folder: DrawFolder, header: LedgerHeader, agencies: DrawAgencies, cutOff: Instant?,
        late: LateFile, observer: CommitObserver, on disk: any Disk, figures: IngestFigures, namesBets: Bool
    ) {
        self.cluster = cluster
        self.agencies = agencies
        self.late = late
        self.observer = observer
        self.figures = figures
        self.namesBets = namesBets
        draw = folder.draw
        comparisons = StreamComparisons(folder.draw)
        ending = StreamEnding(
            cluster, folder: folder, header: header, agencies: agencies, cutOff: cutOff, observer: observer, on: disk)
    }

    /// When something is due without an input.
    var nextTimer: ContinuousClock.Instant {
        min(retries.next ?? look.next, look.next, ending.nextTry ?? look.next)
    }

    /// Begins a round.
    ///
    /// - Parameter post: hands an input to a later round, on any thread.
    mutating func begin(at time: Instant, post: @escaping @Sendable (Input) -> Void) {
        now = max(now, time)
        monotonic = .now
        self.post = post
        // Before anything else of this round: a chunk that is recorded after the cut-off would be in.
        if ending.isDue(at: now) { end(.cutOff) }
        for retry in retries.takeDue(at: monotonic) { again(retry) }
    }

    mutating func handle(_ input: Input) {
        switch input {
        case .request(let request, let requester): handle(request, requester)
        case .published(let agency, let attempt, let outcome): didPublish(agency, attempt, outcome)
        case .read(let agency, let outcome): didRead(agency, outcome)
        case .found(let agency, let outcome): didFind(agency, outcome)
        case .counted(let counts): didCount(counts)
        case .looked(let agency, let outcome): didLook(agency, outcome)
        case .heard(let agencies):
            // The outcome of a message in flight shows the end, too.
            look.hear(agencies.filter { [isKnown, writers] in !isKnown($0) && writers[$0]?.isWaiting != true })
        case .seal(let reason): end(reason)
        case .ended(let end):
            isChanged = true
            if ending.adopt(end) { closeAll() }
        }
    }

    /// Ends a round: lists late chunks, delivers decisions, and looks at other nodes' agencies.
    mutating func finish() {
        let isListed = list()
        let decisions = senders.takeDecisions()
        var group = GroupFigures()
        for (decision, requester) in decisions {
            let decision = isListed ? decision : decision.unlisted
            requester.deliver(decision)
            group.chunks.count(decision)
        }
        // Last, so that no agency waits for the log.
        for (decision, requester) in decisions { requester.log(isListed ? decision : decision.unlisted) }
        if !decisions.isEmpty { figures.add(group) }
        if !news.isEmpty { cluster.engine.tell(.ended(news, in: draw)) }
        news = []
        for agency in look.takeReads(isKnown: isKnown) { readLast(agency) { .looked(agency, $0) } }
        // Nothing is counted any more, and few requests come.
        if isComplete { findOldest() }
        if ending.isDue, isComplete { ending.sealStream(at: monotonic) }
        if look.begin(at: monotonic), !isComplete {
            cluster.engine.count(.bets(draw)) { [post] in post(.counted($0)) }
        }
    }

    /// The changes for other threads; nil without any.
    mutating func takeChanges() -> Changes? {
        guard isChanged || !changed.isEmpty else { return nil }
        defer {
            changed = [:]
            isChanged = false
        }
        return Changes(standings: changed, cutOff: ending.cutOff, isEnding: ending.isOrdered, oldest: oldest)
    }

    /// Whether the agencies whose writers had an input wait for the engine.
    mutating func takeBusy() -> [AgencyID: Bool] {
        defer { busy = [:] }
        return busy
    }

    mutating func stop() { senders.removeAll() }

    // MARK: Requests

    private mutating func handle(_ request: Request, _ requester: any Requester) {
        switch request {
        case .join(let agency, let version):
            let connection = senders.join(requester, agency, version: version, at: monotonic)
            feed(agency) { writer, time in writer.hello(connection, at: time) }
        case .chunk(let checked, let agency):
            guard let connection = senders.send(checked, of: requester, at: monotonic) else { return }
            let chunk = SubjectWriter.Chunk(checked)
            feed(agency) { writer, time in writer.receive(chunk, from: connection, at: time) }
        case .answer(let decision):
            if !senders.decide(decision, for: requester, isLeaving: false, at: monotonic) {
                deliver(decision, requester)
            }
        case .leave(_, let decision):
            if case .left = decision {
                senders.leave(requester)
                deliver(decision, requester)
            } else if !senders.decide(decision, for: requester, isLeaving: true, at: monotonic) {
                deliver(decision, requester)
            }
        case .unnumberedChunk, .finish, .consult, .askDrawn:
            preconditionFailure("a request of a dialect, which a cluster has none of")
        }
    }

    private func deliver(_ decision: Decision, _ requester: any Requester) {
        requester.deliver(decision)
        requester.log(decision)
    }

    /// Gives an input to an agency's writer, and does what it says.
    private mutating func feed(
        _ agency: AgencyID, _ input: (inout SubjectWriter, Instant) throws(ChainFault) -> [SubjectWriter.Output]
    ) {
        var writer =
            writers.removeValue(forKey: agency)
            ?? SubjectWriter(agency: agency, node: cluster.node, maxRecordBytes: cluster.maxRecordBytes)
        if let damage = ending.damage { writer.lost = damage.all[agency] ?? [] }
        writer.lostFrom = ending.damage?.lost[agency]?.first?.before
        var outputs: [SubjectWriter.Output] = []
        do throws(ChainFault) {
            if ending.isOrdered { outputs = writer.close(at: now) }
            outputs += try input(&writer, now)
        } catch {
            report("agency \(agency): \(error)")
            retry(.readLast(agency), after: .seconds(5))
        }
        if let standing = writer.standing { changed[agency] = standing }
        writers[agency] = writer
        busy[agency] = writer.isWaiting
        for output in outputs { perform(output, agency) }
        if writer.isEnded { didEnd(agency, isFinished: writer.standing?.isFinished == true) }
    }

    private mutating func perform(_ output: SubjectWriter.Output, _ agency: AgencyID) {
        switch output {
        case .publish(let bytes, let expected, let attempt):
            publishedAt[agency] = (monotonic, bytes.count)
            let subject = EngineStream.subject(of: agency, in: draw)
            cluster.engine.publish(bytes, to: subject, after: expected) { [post] in
                post(.published(agency, attempt: attempt, $0))
            }
        case .readLast(afterOld: true): retry(.readLast(agency))
        case .readLast(afterOld: false): readLast(agency) { .read(agency, $0) }
        case .compare(let connection, let chunk): compare(chunk.sequence, of: agency, connection)
        case .welcome(let connection, let standing): welcome(connection, standing)
        case .acknowledged(let connection, let sequence, let firstBetIndex):
            guard let checked = senders.chunk(sequence, of: connection) else { return }
            let recorded = RecordedChunk(
                agency: agency, sequence: sequence, count: checked.chunk.count, isLast: checked.chunk.isLast,
                firstBetIndex: firstBetIndex)
            let decision: Decision =
                if let rejection = checked.rejection { .rejected(recorded, rejection) } else { .stored(recorded) }
            if namesBets, let bet = checked.singleBet { senders.requester(of: connection)?.log(.storedBet(bet)) }
            senders.resolve(sequence, of: connection, decision)
        case .closed(let connection, let sequence): reject(sequence, of: agency, connection)
        case .outOfOrder(let connection, let sequence, let next):
            guard let chunk = senders.chunk(sequence, of: connection)?.chunk else { return }
            senders.end(connection, .gap(NotRecorded(agency, sequence: sequence, count: chunk.count, insteadOf: next)))
        case .conflict(let connection, let sequence):
            guard let chunk = senders.chunk(sequence, of: connection)?.chunk else { return }
            senders.resolve(sequence, of: connection, .notRecorded(NotRecorded(otherThanLost: chunk, of: agency)))
        case .superseded(let connection): senders.end(connection, .superseded(agency))
        }
    }

    private mutating func welcome(_ connection: UInt64, _ standing: AgencyStanding) {
        guard let (agency, version) = senders.joined(connection) else { return }
        let joined = Joined(
            draw: draw, agency: agency, standing: standing, version: version, cutOff: ending.cutOff, time: now)
        senders.resolve(0, of: connection, .joined(joined))
        if let previous = senders.own(agency, connection) { senders.end(previous, .superseded(agency)) }
    }

    /// Decides on a chunk of an agency with an end.
    private mutating func reject(_ sequence: UInt32, of agency: AgencyID, _ connection: UInt64) {
        guard let checked = senders.chunk(sequence, of: connection) else { return }
        let standing = writers[agency]?.standing ?? AgencyStanding()
        // Another node has closed the agency, and only the order says why.
        if !standing.isFinished, ending.readOrder() { closeAll() }
        let count = checked.chunk.count
        let closure = Closure(agency, standing, end: ending.reason, cutOff: ending.cutOff, at: now)
        if let late = closure.late {
            lateChunks.append(LateChunk(time: late, agency: agency, sequence: sequence, bets: count))
        }
        let rejected = NotRecorded(agency, sequence: sequence, count: count, closure)
        senders.resolve(sequence, of: connection, .notRecorded(rejected))
    }

    /// Makes late chunks durable in their list; returns false if they cannot be listed.
    private mutating func list() -> Bool {
        guard !lateChunks.isEmpty else { return true }
        defer { lateChunks = [] }
        do throws(DiskError) {
            let agencies = try late.append(lateChunks)
            if !agencies.isEmpty { observer.late(agencies) }
            return true
        } catch {
            observer.lateFailed(error)
            return false
        }
    }

    private mutating func didPublish(_ agency: AgencyID, _ attempt: UInt64, _ outcome: PublishOutcome) {
        if let (time, bytes) = publishedAt.removeValue(forKey: agency) {
            figures.add(GroupFigures(outcome, after: time.duration(to: monotonic), bytes: bytes, at: now))
        }
        if outcome == .unknown { return retry(.publish(agency, attempt)) }
        feed(agency) { writer, time in writer.published(outcome, of: attempt, at: time) }
        if case .stored = outcome, writers[agency]?.isEnded == true { news.append(agency) }
    }

    private mutating func didRead(_ agency: AgencyID, _ outcome: ReadOutcome) {
        switch outcome {
        case .unknown: retry(.readLast(agency))
        case .none: feed(agency) { (writer, time) throws(ChainFault) in try writer.read(nil, at: time) }
        case .message(let stored):
            guard let message = try? AgencyMessage(stored, in: draw) else {
                report("agency \(agency): its last message is damaged")
                return retry(.readLast(agency), after: .seconds(5))
            }
            feed(agency) { (writer, time) throws(ChainFault) in
                try writer.read((stored.sequence, message), at: time)
            }
        }
    }

    private mutating func report(_ damage: String) { if reported.insert(damage).inserted { observer.damaged(damage) } }

    private mutating func retry(_ retry: StreamRetries.Retry, after delay: Duration = .milliseconds(100)) {
        retries.add(retry, at: monotonic + delay)
    }

    private mutating func again(_ retry: StreamRetries.Retry) {
        switch retry {
        case .publish(let agency, let attempt):
            feed(agency) { writer, time in writer.published(.unknown, of: attempt, at: time) }
        case .readLast(let agency): readLast(agency) { .read(agency, $0) }
        case .search(let agency): search(agency)
        }
    }

    /// Reads an agency's last message; the outcome is the input of a later round.
    private func readLast(_ agency: AgencyID, _ input: @escaping @Sendable (ReadOutcome) -> Input) {
        let subject = EngineStream.subject(of: agency, in: draw)
        cluster.engine.read(.last(subject: subject), in: .bets(draw)) { [post] in post(input($0)) }
    }

    private mutating func compare(_ sequence: UInt32, of agency: AgencyID, _ connection: UInt64) {
        if comparisons.add(sequence, of: agency, connection) { search(agency) }
    }

    private func search(_ agency: AgencyID) {
        guard let position = comparisons.position(agency) else { return }
        cluster.engine.read(position, in: .bets(draw)) { [post] in post(.found(agency, $0)) }
    }

    private mutating func didFind(_ agency: AgencyID, _ outcome: ReadOutcome) {
        if outcome == .unknown { return retry(.search(agency)) }
        let stored: StoredMessage? = if case .message(let message) = outcome { message } else { nil }
        switch comparisons.take(stored, of: agency) {
        case .found(let found):
            for (connection, record) in found { answer(connection, agency, record) }
            search(agency)
        case .readAgain(let isFromStart):
            guard isFromStart else { return search(agency) }
            comparisons.keep(agency) { [senders] in senders.chunk($1, of: $0) != nil }
            retry(.search(agency))
        case .damaged(let sequence):
            report("agency \(agency): message \(sequence) is damaged")
            retry(.search(agency), after: .seconds(5))
        case .none: break
        }
    }

    /// Answers a repeated chunk as the first time, or with a conflict.
    private mutating func answer(_ connection: UInt64, _ agency: AgencyID, _ record: AgencyMessage.Record) {
        let sequence = record.header.sequence
        guard let chunk = senders.chunk(sequence, of: connection)?.chunk else { return }
        senders.resolve(sequence, of: connection, chunk.decision(repeating: record.header, record.payload, of: agency))
    }

    private mutating func didCount(_ counts: Result<StreamCounts, EngineUnavailable>) {
        isChanged = true
        findOldest()
        look.take(try? counts.get(), at: monotonic, isKnown: isKnown)
    }

    private mutating func findOldest() {
        let found = senders.oldest
        isChanged = isChanged || found != oldest
        oldest = found
    }

    /// Whether an agency's last message says nothing new.
    private var isKnown: (AgencyID) -> Bool {
        { [ended, agencies] in ended.contains($0) || !agencies.contains($0) }
    }

    private mutating func didLook(_ agency: AgencyID, _ outcome: ReadOutcome) {
        look.didRead(agency, isAnswered: outcome != .unknown, at: monotonic)
        guard case .message(let stored) = outcome, let message = try? AgencyMessage(stored, in: draw),
            let after = try? message.checked().after
        else { return }
        // Our own writer may know more: a read may be old.
        if after.nextSequence > writers[agency]?.standing?.nextSequence ?? 0 { changed[agency] = after }
        if message.kind.isEnd || after.isFinished { didEnd(agency, isFinished: after.isFinished) }
    }

    /// Whether every agency of the draw has an end.
    private var isComplete: Bool { ended.count == Int(agencies.count) }

    private mutating func didEnd(_ agency: AgencyID, isFinished: Bool) {
        guard agencies.contains(agency), ended.insert(agency).inserted else { return }
        if isFinished { observer.agencyFinished(agency) }
    }

    /// Orders the end of the draw, unless another node has.
    private mutating func end(_ reason: SealRecord.Reason) {
        isChanged = true
        if ending.order(reason, at: now) { closeAll() }
    }

    /// Closes the subject of every agency without an end.
    ///
    /// In any order: each node begins elsewhere, so that most agencies are closed by one only.
    private mutating func closeAll() {
        isChanged = true
        for agency in agencies.members.filter({ !ended.contains($0) }).shuffled() {
            feed(agency) { _, _ in [] }
        }
    }
}
