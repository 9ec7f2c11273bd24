#include "agent/net/http_client.h"

#include <curl/curl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <new>

#include "agent/base/redact.h"
#include "agent/base/url.h"

namespace dbagent::net {
namespace {

constexpr long kUploadBuffer = 1L << 20U;
constexpr long kDownloadBuffer = 512L << 10U;
constexpr std::size_t kMostHeaderBytes = 64U << 10U;
constexpr std::size_t kKeptErrorBytes = 64U << 10U;
constexpr std::size_t kMostErrorBytes = 1U << 20U;
constexpr std::size_t kReserveAtMost = 64U << 20U;  // of what a Content-Length promises
constexpr std::chrono::milliseconds kLongestPoll{1000};

// A transfer handle with the connections that it keeps.
struct Lane {
  Lane() : multi(curl_multi_init()), easy(curl_easy_init()) {
    if (multi == nullptr || easy == nullptr) throw std::bad_alloc();
  }
  ~Lane() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  CURLM* multi;
  CURL* easy;
};

// The list that curl sends; wiped when it goes, since a token or a signature is in it.
class HeaderList {
 public:
  ~HeaderList() {
    for (const curl_slist* node = list_; node != nullptr; node = node->next)
      explicit_bzero(node->data, strlen(node->data));
    curl_slist_free_all(list_);
  }
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;

  void Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// What the callbacks of one request know.
struct Transfer {
  const HttpRequest& request;
  HttpResponse response;
  std::size_t sent = 0;
  std::size_t header_bytes = 0;
  std::size_t error_bytes = 0;
  long status = 0;
  bool too_large = false;
  bool local_address = false;  // it led to one, and must not

  bool uploads() const { return request.method == "PUT" || request.method == "POST"; }
};

std::size_t OnRead(char* out, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t take = std::min(size * count, transfer.request.body.size() - transfer.sent);
  if (take > 0) memcpy(out, transfer.request.body.data() + transfer.sent, take);
  transfer.sent += take;
  return take;
}

int OnSeek(void* user, curl_off_t offset, int origin) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  if (origin != SEEK_SET || offset < 0 ||
      static_cast<std::size_t>(offset) > transfer.request.body.size())
    return CURL_SEEKFUNC_FAIL;
  transfer.sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // a 100 Continue came before
    transfer.response.headers.clear();
    transfer.header_bytes = 0;
    transfer.status = 0;
    const std::size_t space = line.find(' ');
    if (space != std::string_view::npos)
      std::from_chars(line.data() + space + 1, line.data() + line.size(), transfer.status);
  }
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > kMostHeaderBytes) {
    transfer.too_large = true;
    return 0;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  transfer.response.headers[name] = Trimmed(line.substr(colon + 1));
  return line.size();
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  std::vector<std::byte>& body = transfer.response.body;
  const Bytes got = AsBytes({data, size * count});
  if (transfer.status < 200 || transfer.status > 299) {
    transfer.error_bytes += got.size();
    if (transfer.error_bytes > kMostErrorBytes) return 0;  // no store says that much
    if (body.size() + got.size() <= kKeptErrorBytes)
      body.insert(body.end(), got.begin(), got.end());
    return got.size();
  }
  if (body.size() + got.size() > transfer.request.response_limit) {
    transfer.too_large = true;
    return 0;
  }
  if (body.empty()) {
    std::size_t promised = 0;
    const std::string_view length = transfer.response.header("content-length");
    const auto [end, error] =
        std::from_chars(length.data(), length.data() + length.size(), promised);
    if (error == std::errc() && end == length.data() + length.size())
      body.reserve(std::min({promised, transfer.request.response_limit, kReserveAtMost}));
  }
  body.insert(body.end(), got.begin(), got.end());
  return got.size();
}

// In place of curl's own: for hosts whose addresses nobody vouches for.
curl_socket_t OnOpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  char text[NI_MAXHOST] = {};
  const bool readable = getnameinfo(&address->addr, address->addrlen, text, sizeof text, nullptr, 0,
                                    NI_NUMERICHOST) == 0;
  if (!readable || config::IsLocalAddress(text)) {
    static_cast<Transfer*>(user)->local_address = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Where a request goes, without its query.
std::string Target(const std::string& url) {
  return url.substr(0, url.find('?'));
}

Status TransferError(CURLcode code, const char* detail, const Transfer& transfer) {
  const std::string target = Target(transfer.request.url);
  const std::string why = Redact(*detail != 0 ? detail : curl_easy_strerror(code));
  if (transfer.too_large) {
    return Error(Code::kOutOfRange, "RESPONSE_TOO_LARGE",
                 "the answer of '{}' has more than the {} bytes that are expected", target,
                 transfer.request.response_limit);
  }
  if (transfer.local_address) {
    return Error(Code::kPermissionDenied, "TARGET_NOT_ALLOWED",
                 "a request may not send the agent to '{}': its address is of this machine or its "
                 "link",
                 target)
        .WithHint("if that is meant, name the host in the settings: request_targets.hosts");
  }
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return Error(Code::kUnavailable, "HOST_UNREACHABLE", "unable to reach '{}': {}", target, why)
          .AsRetryable();
    case CURLE_OPERATION_TIMEDOUT:
      return Error(Code::kUnavailable, "STALLED", "'{}' does not go on: {}", target, why)
          .AsRetryable();
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return Error(Code::kFailedPrecondition, "TLS_REFUSED", "unable to trust '{}': {}", target,
                   why);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
      return Error(Code::kInternal, "HTTP_UNUSABLE", "unable to ask '{}': {}", target, why);
    default:  // resets, cut bodies, handshakes that broke off: another try may get through
      return Error(Code::kUnavailable, "CONNECTION_LOST", "unable to get an answer of '{}': {}",
                   target, why)
          .AsRetryable();
  }
}

void InitialiseOnce() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) throw std::bad_alloc();
}

}  // namespace

// Lanes that are at rest. The one used last goes first, so that its connection is warm.
class HttpClient::Pool {
 public:
  std::unique_ptr<Lane> Take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Lane>();
    std::unique_ptr<Lane> lane = std::move(idle_.back());
    idle_.pop_back();
    return lane;
  }
  void GiveBack(std::unique_ptr<Lane> lane) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(lane));
  }

 private:
  static constexpr std::size_t kMostIdle = 64;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Lane>> idle_;
};

namespace {

void Configure(const HttpSettings& settings, CURL* easy, Transfer& transfer,
               const HeaderList& headers, char* detail, bool guarded) {
  curl_easy_reset(easy);  // keeps connections, DNS and TLS sessions
  const auto set = [easy](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a resolver that hangs
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_URL, transfer.request.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!settings.ca_file.empty()) {
    set(CURLOPT_CAINFO, settings.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));  // this one alone
  }
  if (!settings.ca_pem.empty()) {
    curl_blob pem{const_cast<char*>(settings.ca_pem.data()), settings.ca_pem.size(),
                  CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &pem);
    set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (guarded) {
    set(CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
    set(CURLOPT_OPENSOCKETDATA, &transfer);
  }
  if (settings.proxy == "none") {
    set(CURLOPT_PROXY, "");
  } else if (!settings.proxy.empty()) {
    set(CURLOPT_PROXY, settings.proxy.c_str());
  }
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(settings.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1024L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings.stall_timeout.count()));
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, kDownloadBuffer);
  set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_HEADERFUNCTION, OnHeader);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, OnBody);
  set(CURLOPT_WRITEDATA, &transfer);
  if (transfer.uploads()) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(transfer.request.body.size()));
    set(CURLOPT_READFUNCTION, OnRead);
    set(CURLOPT_READDATA, &transfer);
    set(CURLOPT_SEEKFUNCTION, OnSeek);
    set(CURLOPT_SEEKDATA, &transfer);
  }
  if (transfer.request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  set(CURLOPT_CUSTOMREQUEST, transfer.request.method.c_str());
}

// Until the transfer ended (OK, its code in `code`), or must not go on.
Status Run(const OpContext& ctx, Lane& lane, const Transfer& transfer, CURLcode& code) {
  const std::stop_callback wake(ctx.stop(), [&] { curl_multi_wakeup(lane.multi); });
  Deadline last_word = Deadline::Never();
  for (;;) {
    int running = 0;
    curl_multi_perform(lane.multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(lane.multi, &left)) {
      if (message->msg == CURLMSG_DONE) {
        code = message->data.result;
        return Ok();
      }
    }
    if (Status stopped = ctx.Poll(); !stopped.ok()) {
      long begun = 0;  // bytes of headers that went out
      curl_easy_getinfo(lane.easy, CURLINFO_REQUEST_SIZE, &begun);
      const bool all_sent =
          transfer.uploads() && begun > 0 && transfer.sent == transfer.request.body.size();
      if (!all_sent || ctx.deadline().expired()) return stopped;
      if (last_word.never()) last_word = Deadline::After(HttpClient::kLastWord);
      if (last_word.expired()) {
        return Error(Code::kUnavailable, "ANSWER_LOST",
                     "'{}' has all of the request and did not answer before it was stopped",
                     Target(transfer.request.url));
      }
    }
    const std::chrono::milliseconds wait =
        std::min(ctx.deadline().Remaining(kLongestPoll), last_word.Remaining(kLongestPoll));
    curl_multi_poll(lane.multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

}  // namespace

std::string_view HttpResponse::header(std::string_view lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

HttpClient::HttpClient(HttpSettings settings)
    : settings_(std::move(settings)), pool_(std::make_unique<Pool>()) {
  InitialiseOnce();
}

HttpClient::~HttpClient() = default;

// Whether the host's addresses must be looked at, too.
Result<bool> HttpClient::Guarded(const std::string& url) const {
  if (!settings_.rules) return false;
  const std::string place = url.substr(0, url.find_first_of("/?#", url.find("://") + 3));
  RETURN_IF_ERROR(CheckTarget(*settings_.rules, place));
  ASSIGN_OR_RETURN(const Origin origin, ParseOrigin(place));
  return settings_.rules->IsOnlyAnyHost(origin.host);
}

Result<HttpResponse> HttpClient::Do(const OpContext& ctx, const HttpRequest& request) {
  RETURN_IF_ERROR(ctx.Poll());
  ASSIGN_OR_RETURN(const bool guarded, Guarded(request.url));
  HeaderList headers;
  bool one_line = true;
  const auto add = [&](const std::string& name, std::string_view value) {
    one_line = one_line && value.find_first_of("\r\n") == std::string_view::npos;
    std::string line = name;
    line += value.empty() ? ";" : ": ";  // `;`: how curl is told of an empty one
    line += value;
    headers.Add(line);
    Wipe(line);
  };
  for (const auto& [name, value] : request.headers) add(name, value);
  for (const auto& [name, value] : request.secret_headers) add(name, value.Reveal());
  if (!one_line) {
    return Error(Code::kInternal, "HTTP_UNUSABLE",
                 "unable to ask '{}': the value of a header has more than one line",
                 Target(request.url));
  }
  Transfer transfer{request, {}};
  if (transfer.uploads() && !settings_.expect_continue) headers.Add("Expect:");
  char detail[CURL_ERROR_SIZE] = {};
  std::unique_ptr<Lane> lane = pool_->Take();
  Configure(settings_, lane->easy, transfer, headers, detail, guarded);
  curl_multi_add_handle(lane->multi, lane->easy);
  CURLcode code = CURLE_OK;
  Status ran = Run(ctx, *lane, transfer, code);
  curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &transfer.response.status);
  curl_multi_remove_handle(lane->multi, lane->easy);
  // nothing may be sent from what is gone
  curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  curl_easy_setopt(lane->easy, CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
  if (!ran.ok()) return ran;
  // A lane whose transfer failed goes with its connections and what it knows of addresses: the next
  // try begins from nothing.
  if (code != CURLE_OK) return TransferError(code, detail, transfer);
  pool_->GiveBack(std::move(lane));
  return std::move(transfer.response);
}

}  // namespace dbagent::net
