/* Reads the files that the hook's snapshot reads, and does nothing with them: the floor for "make bench".
   read_counters SYSFS-CLASS-INFINIBAND */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_folder(const char *folder) {
  char path[4096], text[4096];
  struct dirent *entry;
  int count = 0;
  DIR *files = opendir(folder);
  if (files == NULL) return 0;
  while ((entry = readdir(files)) != NULL) {
    if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lifespan") == 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    if (read(file, text, sizeof text) > 0) count++;
    close(file);
  }
  closedir(files);
  return count;
}

int main(int count, char **arguments) {
  char folder[4096];
  struct dirent *entry;
  int files = 0;
  DIR *devices = count == 2 ? opendir(arguments[1]) : NULL;
  if (devices == NULL) return 1;
  while ((entry = readdir(devices)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    snprintf(folder, sizeof folder, "%s/%s/ports/1/hw_counters", arguments[1], entry->d_name);
    files += read_folder(folder);
    snprintf(folder, sizeof folder, "%s/%s/hw_counters", arguments[1], entry->d_name);
    files += read_folder(folder);
  }
  closedir(devices);
  printf("%d\n", files);
  return files == 0;
}
