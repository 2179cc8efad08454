import Testing
import WireProtocol

@testable import Agency

struct MailboxTests {
    @Test("messages are returned before the end of their connection, and nothing of an older one")
    func order() {
        let mailbox = Mailbox()
        let old = mailbox.beginConnection()
        let current = mailbox.beginConnection()
        _ = mailbox.post(.consultWinners(waitMilliseconds: 1), from: old)
        mailbox.postClosed("old", from: old)
        _ = mailbox.post(.consultWinners(waitMilliseconds: 2), from: current)
        mailbox.postClosed("current", from: current)
        guard case .message(.consultWinners(2)) = mailbox.waitForNextEvent(until: .now + .seconds(9)),
            case .closed("current") = mailbox.waitForNextEvent(until: .now + .seconds(9))
        else {
            Issue.record("the events were returned in another order")
            return
        }
    }

    @Test("a stop has priority, and waiting on a silent connection ends at the deadline")
    func stop() {
        let mailbox = Mailbox()
        let number = mailbox.beginConnection()
        guard case .timeout = mailbox.waitForNextEvent(until: .now) else {
            Issue.record("an event was returned that nobody posted")
            return
        }
        _ = mailbox.post(.consultWinners(waitMilliseconds: 1), from: number)
        mailbox.postStop("SIGTERM")
        guard case .stopped("SIGTERM") = mailbox.waitForNextEvent(until: .now + .seconds(9)) else {
            Issue.record("the stop was not returned first")
            return
        }
        #expect(mailbox.waitForStop(until: .now) == "SIGTERM")
    }

    @Test("messages are rejected when too many are unread")
    func flood() {
        let mailbox = Mailbox()
        let number = mailbox.beginConnection()
        for _ in 0..<Mailbox.maxMessages {
            #expect(mailbox.post(.consultWinners(waitMilliseconds: 1), from: number))
        }
        #expect(!mailbox.post(.consultWinners(waitMilliseconds: 1), from: number))
    }
}
