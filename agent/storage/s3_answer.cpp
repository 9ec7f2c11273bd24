#include "agent/storage/s3_answer.h"

#include <pugixml.hpp>
#include <sstream>

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

std::string S3DeleteBody(const std::vector<std::string>& keys) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (const std::string& key : keys)
    root.append_child("Object").append_child("Key").text() = key.c_str();
  root.append_child("Quiet").text() = "true";
  std::ostringstream text;
  document.save(text, "", pugi::format_raw, pugi::encoding_utf8);
  return text.str();
}

std::optional<std::vector<std::string>> ParseS3Kept(const net::HttpResponse& response) {
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size(), pugi::parse_default,
                            pugi::encoding_utf8))
    return std::nullopt;
  const pugi::xml_node root = document.child("DeleteResult");
  if (!root) return std::nullopt;
  std::vector<std::string> kept;
  for (const pugi::xml_node& entry : root.children("Error")) {
    if (std::string_view(entry.child_value("Code")) != "NoSuchKey")
      kept.emplace_back(entry.child_value("Key"));
  }
  return kept;
}

}  // namespace dbagent::storage
