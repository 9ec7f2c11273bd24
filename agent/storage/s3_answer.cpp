#include "agent/storage/s3_answer.h"

#include <pugixml.hpp>

namespace dbagent::storage {

S3Error ParseS3Error(const net::HttpResponse& response) {
  S3Error error;
  error.request_id = response.header("x-amz-request-id");
  error.region = response.header("x-amz-bucket-region");
  if (const std::string_view extended = response.header("x-amz-id-2");
      !extended.empty() && extended != error.request_id)
    error.request_id += fmt::format("{}{}", error.request_id.empty() ? "" : ", ", extended);
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size(), pugi::parse_default,
                            pugi::encoding_utf8))
    return error;
  const pugi::xml_node root = document.child("Error");
  error.code = root.child_value("Code");
  error.message = root.child_value("Message");
  if (error.region.empty()) error.region = root.child_value("Region");
  if (error.request_id.empty()) error.request_id = root.child_value("RequestId");
  return error;
}

Result<ListPart> ParseS3Listing(const net::HttpResponse& response) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(
      response.body.data(), response.body.size(), pugi::parse_default, pugi::encoding_utf8);
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!parsed || !root) {
    return Error(Code::kUnavailable, "STORE_UNAVAILABLE", "the answer of '{}' is no listing",
                 "ListObjectsV2")
        .AsRetryable();
  }
  const bool encoded = std::string_view(root.child_value("EncodingType")) == "url";
  const auto text = [&](const char* value) {
    return encoded ? PercentDecode(value) : std::string(value);
  };
  ListPart part;
  for (const pugi::xml_node& entry : root.children("Contents"))
    part.entries.push_back(
        {text(entry.child_value("Key")), entry.child("Size").text().as_ullong()});
  for (const pugi::xml_node& entry : root.children("CommonPrefixes"))
    part.entries.push_back({text(entry.child_value("Prefix")), 0});
  if (root.child("IsTruncated").text().as_bool())
    part.next = root.child_value("NextContinuationToken");
  return part;
}

}  // namespace dbagent::storage
