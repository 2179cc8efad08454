// Asks for an agency's winners over many connections, and measures how long the answers take.
//
//   quiniela-consult PORT CONNECTIONS WINDOW SECONDS AGENCY [PID]
//
// Closed loop: every connection keeps WINDOW consultations unanswered. AGENCY 0 sends no HELLO: for quiniela-echo, which
// gets the same requests and gives the same answers. The draw must be published, so that all answers are the same bytes;
// their size is learnt from the first one.
// PID: the service's, for its CPU time. One line of JSON comes out. One thread, epoll.
//
// It must be cheaper than what it measures: one recv and one send for all that an event brought, and no answer is copied.
// generator_cpu says how busy it was itself: near 1, it is the generator that was measured.
#define _GNU_SOURCE
#include "measure.h"
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { requestBytes = 9, maxWindow = 1024, maxAnswerBytes = 65540, readBytes = 1 << 17 };

typedef struct {
    int fd;
    size_t partBytes;           // received of an incomplete answer
    uint32_t head;              // the oldest in `begun`
    uint64_t begun[maxWindow];  // when each consultation in flight was sent, a ring
} Connection;

static uint8_t firstAnswer[maxAnswerBytes];
static size_t answerBytes;
static uint8_t requests[requestBytes * maxWindow];
static uint8_t input[readBytes];

static uint32_t get32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, 4);
    return ntohl(value);
}

// Waits for a whole frame of a type, and returns its bytes, the length included.
static size_t readFrame(int fd, uint8_t *frame, uint8_t type) {
    size_t count = 0, wanted = 5;
    while (count < wanted) {
        ssize_t more = recv(fd, frame + count, wanted - count, 0);
        if (more <= 0) fail("receive", "the service closed");
        count += (size_t)more;
        if (count != 5) continue;
        wanted = 4 + (size_t)get32(frame);
        if (frame[4] != type || wanted > maxAnswerBytes) fail("receive", "an answer that is not the expected one");
    }
    return count;
}

static void sendRequests(int fd, uint32_t count) {
    // Blocks, but never does: a window of requests is far smaller than a socket's buffer.
    if (send(fd, requests, requestBytes * count, MSG_NOSIGNAL) != (ssize_t)(requestBytes * count)) fail("send", strerror(errno));
}

static int join(int port, uint32_t agency) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (agency == 0) return fd;
    uint8_t hello[12] = {0, 0, 0, 8, 1, 1}, welcome[maxAnswerBytes];
    put32(hello + 6, agency);
    if (send(fd, hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello) fail("hello", strerror(errno));
    readFrame(fd, welcome, 0x81);
    return fd;
}

static void ask(Connection *connection, uint32_t window, uint32_t count) {
    uint64_t time = now();
    // The free places of the ring are those after the ones in flight, which are as many as were just answered.
    for (uint32_t index = 0; index < count; index++)
        connection->begun[(connection->head + window - count + index) % maxWindow] = time;
    sendRequests(connection->fd, count);
}

// Takes the received answers, and asks as many times again.
static void receive(Connection *connection, uint32_t window) {
    ssize_t received = recv(connection->fd, input, sizeof input, MSG_DONTWAIT);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) fail("receive", "the service closed");
    uint64_t time = now();
    size_t bytes = connection->partBytes + (size_t)received, count = bytes / answerBytes;
    // Each answer that begins here begins as the first one did. (Where its header came in parts, its length is the check.)
    for (size_t at = connection->partBytes ? answerBytes : 0; at + 5 <= bytes; at += answerBytes)
        if (memcmp(input + at - connection->partBytes, firstAnswer, 5) != 0) fail("receive", "an answer unlike the first");
    for (size_t index = 0; index < count; index++)
        record(time - connection->begun[connection->head++ % maxWindow]);
    connection->partBytes = bytes % answerBytes;
    if (count > 0) ask(connection, window, (uint32_t)count);
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: quiniela-consult PORT CONNECTIONS WINDOW SECONDS AGENCY [PID]\n");
        return 64;
    }
    int port = atoi(argv[1]), connectionCount = atoi(argv[2]), pid = argc > 6 ? atoi(argv[6]) : 0;
    uint32_t window = (uint32_t)atoi(argv[3]), agency = (uint32_t)atoi(argv[5]);
    if (window < 1 || window > maxWindow) fail("usage", "WINDOW is 1 to 1024");
    for (uint32_t index = 0; index < maxWindow; index++) {
        uint8_t *request = requests + index * requestBytes;  // CONSULT_AGENCY_WINNERS, waitMilliseconds 30000
        put32(request, requestBytes - 4);
        request[4] = 4;
        put32(request + 5, 30000);
    }

    int epoll = epoll_create1(0);
    Connection *connections = calloc((size_t)connectionCount, sizeof *connections);
    for (int index = 0; index < connectionCount; index++) {
        connections[index].fd = join(port, agency);
        // One for each connection before the clock starts: the first tells the size, and all have been served once.
        sendRequests(connections[index].fd, 1);
        answerBytes = readFrame(connections[index].fd, firstAnswer, 0x84);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[index]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].fd, &event);
    }
    double cpuBefore = cpuOfThreads(pid);
    double ownBefore = cpuOfThreads(getpid());
    uint64_t start = now(), end = start + (uint64_t)(atof(argv[4]) * 1e9);
    for (int index = 0; index < connectionCount; index++) ask(&connections[index], window, window);
    struct epoll_event events[256];
    while (now() < end) {
        int count = epoll_wait(epoll, events, 256, 10);
        for (int index = 0; index < count; index++) receive(events[index].data.ptr, window);
    }
    double seconds = (double)(now() - start) / 1e9, answers = (double)answerCount;
    double ownCPU = cpuOfThreads(getpid()) - ownBefore;
    if (answerCount == 0) fail("receive", "no answers");
    printf("{\"answers\": %.0f, \"answer_bytes\": %zu, \"seconds\": %.3f, \"answers_per_second\": %.0f, \"p50_ms\": %.3f, "
           "\"p99_ms\": %.3f, \"cpu_us_per_answer\": %.3f, \"generator_cpu\": %.2f}\n",
           answers, answerBytes, seconds, answers / seconds, percentile(0.5), percentile(0.99),
           (cpuOfThreads(pid) - cpuBefore) * 1e6 / answers, ownCPU / seconds);
    return 0;
}
